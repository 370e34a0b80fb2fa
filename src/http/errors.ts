import type { Context, Middleware } from "koa";
import type { Logger } from "pino";
import { Problem, type ProblemCode } from "../errors.ts";
import { drain } from "./body.ts";

/**
 * The one place where errors become answers: `{ error, code, errors? }`, whose `error` clients show as it is.
 * What is not a Problem is logged and answered without its text.
 */
export function answerErrors(): Middleware {
  return async (ctx, next) => {
    try {
      await next();
      if (ctx.status >= 400 && ctx.body === undefined && ctx.respond !== false) throw unanswered(ctx);
    } catch (error) {
      if (ctx.headerSent) throw error;
      if (!ctx.req.complete) await drain(ctx.req);
      answer(ctx, asProblem(error, ctx.state.logger));
    }
  };
}

/** A proxy's form of target, `GET http://host/path`, may hold an address that nothing can read. */
export function refuseBadTargets(): Middleware {
  return async (ctx, next) => {
    if (!isReadable(ctx)) throw new Problem("bad-request", "the target of the request cannot be read");
    await next();
  };
}

function isReadable(ctx: Context): boolean {
  try {
    return ctx.path !== null;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/** No route took the request: the router has noted in `Allow` what the path does answer to, if there is such a path. */
function unanswered(ctx: Context): Problem {
  const allowed = ctx.response.get("Allow");
  const path = ctx.path.slice(0, 200);
  return allowed
    ? new Problem("method-not-allowed", `${path} answers to ${allowed} only`)
    : new Problem("not-found", `there is no ${path} here`);
}

/** States of the server, no faults of the program: where in it they were met is no news. */
const foreseen: ReadonlySet<ProblemCode> = new Set([
  "draining",
  "image-missing",
  "shutting-down",
  "storage-low",
]);

function asProblem(error: unknown, logger: Logger): Problem {
  if (error instanceof Problem) {
    if (foreseen.has(error.code)) logger.warn({ code: error.code }, error.message);
    else if (error.status >= 500) logger.error({ err: error }, error.message);
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
