import type { Context, Middleware } from "koa";
import type { Logger } from "pino";
import { Problem } from "../errors.ts";

/**
 * The one place where errors become answers: `{ error, code, errors? }`, whose `error` clients show as it is.
 * What is not a Problem is logged and answered without its text.
 */
export function answerErrors(): Middleware {
  return async (ctx, next) => {
    try {
      await next();
      if (ctx.status === 404 && ctx.body === undefined && ctx.respond !== false) throw notFound(ctx);
    } catch (error) {
      if (ctx.headerSent) throw error;
      answer(ctx, asProblem(error, ctx.state.logger));
    }
  };
}

function notFound(ctx: Context): Problem {
  return new Problem("not-found", `there is no ${ctx.method} ${ctx.path.slice(0, 200)} here`);
}

function asProblem(error: unknown, logger: Logger): Problem {
  if (error instanceof Problem) {
    if (error.status >= 500) logger.error({ err: error }, error.message);
    return error;
  }
  logger.error({ err: error }, "unexpected error");
  return new Problem("internal", "the server made a mistake; its log says more");
}

function answer(ctx: Context, problem: Problem): void {
  ctx.status = problem.status;
  ctx.set("Cache-Control", "no-store");
  if (problem.retryAfter !== undefined) ctx.set("Retry-After", String(problem.retryAfter));
  ctx.body = {
    error: problemText(problem),
    code: problem.code,
    ...(problem.complaints.length > 0 ? { errors: problem.complaints } : {}),
  };
}

/** The problem for a person: its message, then a line a complaint. */
export function problemText(problem: Problem): string {
  const lines = problem.complaints.map(({ path, message }) =>
    path === "" ? message : `${path}: ${message}`,
  );
  return lines.length === 0 ? problem.message : `${problem.message}:\n${lines.join("\n")}`;
}
