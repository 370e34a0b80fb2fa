import type { IncomingMessage } from "node:http";
import { finished } from "node:stream/promises";
import type { Context } from "koa";
import getRawBody from "raw-body";
import { Problem } from "../errors.ts";

/** How long a body that is refused may go on coming, milliseconds. */
const drainTime = 10_000;

/**
 * Reads a request's body.
 * @param limit bytes
 * @throws Problem `body-too-large`, `unsupported-media` (a compressed body), `bad-request` (the client went away)
 */
export async function readBody(ctx: Context, limit: number): Promise<Buffer> {
  const encoding = ctx.get("Content-Encoding");
  if (encoding !== "" && encoding !== "identity") {
    throw new Problem(
      "unsupported-media",
      `a body in the encoding '${encoding.slice(0, 40)}' is not read here`,
    );
  }
  try {
    return await getRawBody(ctx.req, { limit, length: ctx.request.length ?? null });
  } catch (cause) {
    const tooLarge = cause instanceof Error && "type" in cause && cause.type === "entity.too.large";
    if (tooLarge) throw new Problem("body-too-large", `the body is larger than ${limit} bytes`, { cause });
    throw new Problem("bad-request", "the body did not arrive whole", { cause });
  }
}

/**
 * Reads and drops what still comes: a client that is still sending when the connection closes never gets to read
 * the answer. One that does not come to an end loses it.
 */
export async function drain(request: IncomingMessage): Promise<void> {
  request.resume();
  const ended = finished(request, { signal: AbortSignal.timeout(drainTime), cleanup: true });
  await Promise.allSettled([ended]);
}
