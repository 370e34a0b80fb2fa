import { randomUUID } from "node:crypto";
import { finished } from "node:stream/promises";
import type { Context, Middleware } from "koa";
import type { Logger } from "pino";
import { healthPaths } from "./routes/health.ts";

/** Ids that a proxy in front may give; anything else could write into the log. */
const requestId = /^[A-Za-z0-9._-]{1,64}$/;

/** Gives each request an id and a logger (`ctx.state.logger`), and logs it when its answer is out. */
export function logRequests(logger: Logger): Middleware {
  return async (ctx, next) => {
    const started = performance.now();
    const given = ctx.get("X-Request-Id");
    const id = requestId.test(given) ? given : randomUUID();
    ctx.state.logger = logger.child({ request: id });
    ctx.set("X-Request-Id", id);
    logWhenDone(ctx, started);
    await next();
  };
}

/** The answer may still be on its way, or cut off, when the last middleware is done. */
function logWhenDone(ctx: Context, started: number): void {
  // Not ctx.path: that throws for a target it cannot read, and here nobody would catch it.
  const [path = ""] = ctx.originalUrl.split("?", 1);
  const log = (aborted: boolean) => {
    const { method } = ctx;
    const status = ctx.res.statusCode;
    const milliseconds = Math.round(performance.now() - started);
    const level = healthPaths.has(path) ? "debug" : "info";
    ctx.state.logger[level]({ method, path, status, milliseconds, aborted }, "request");
  };
  finished(ctx.res).then(
    () => log(false),
    () => log(true),
  );
}
