import { finished } from "node:stream";
import type { Middleware } from "koa";
import { Problem } from "../errors.ts";
import { callerOf } from "./callers.ts";
import type { Refusals } from "./refusals.ts";
import { healthPaths } from "./routes/health.ts";
import { Tally } from "./tally.ts";

/**
 * Bounds how many requests of one caller are under way at once: until the work is done and the answer is out, for answers
 * that nobody reads are held in memory. Connections alone do not bound that: a proxy's are everybody's, and one connection
 * can hold many requests. Those about health pass: a crowd is no reason to take the server for dead.
 * @param most 0: no limit
 */
export function limitCrowds(most: number, refusals: Pick<Refusals, "note">): Middleware {
  const inside = new Tally<string>();
  return async (ctx, next) => {
    if (healthPaths.has(ctx.path)) return next();
    const { requester, name } = callerOf(ctx);
    const { client } = requester;
    if (most > 0 && inside.of(client) >= most) {
      refusals.note("rate-limited", name, `more than ${most} requests at once`);
      throw new Problem("rate-limited", `${most} requests from here are under way already`, {
        retryAfter: 1,
      });
    }
    inside.enter(client);
    const out = new Promise<void>((resolve) => finished(ctx.res, () => resolve()));
    try {
      await next();
    } finally {
      void out.then(() => inside.leave(client));
    }
  };
}
