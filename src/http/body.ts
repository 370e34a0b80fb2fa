import type { Context } from "koa";
import getRawBody from "raw-body";
import { Problem } from "../errors.ts";

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
    // What still comes is read and dropped, else the client never gets to read the answer.
    ctx.req.resume();
    const tooLarge = cause instanceof Error && "type" in cause && cause.type === "entity.too.large";
    if (tooLarge) throw new Problem("body-too-large", `the body is larger than ${limit} bytes`, { cause });
    throw new Problem("bad-request", "the body did not arrive whole", { cause });
  }
}
