import { basename, dirname } from "node:path";
import { finished, type Readable } from "node:stream";
import type Router from "@koa/router";
import type { RouterContext } from "@koa/router";
import send from "send";
import { Problem } from "../../errors.ts";

export interface ArtifactSource {
  /** The finished zip of that name, by any name a client may ask for. */
  find(name: string): Promise<{ path: string } | undefined>;
  /** The hash of its bytes, where it is known. */
  sha256(name: string): string | undefined;
}

/** `GET /tmp/{zip}`: conditional, in ranges, to be kept for good (the name holds the hash of all the zip was made from). */
export function artifactRoutes(router: Router, artifacts: ArtifactSource): void {
  router.get("/tmp/:file", async (ctx) => {
    const name = ctx.params.file ?? "";
    const found = await artifacts.find(name);
    if (!found)
      throw new Problem("not-found", "there is no such file; it may have been deleted: build again");
    const hash = artifacts.sha256(name);
    if (hash) ctx.set("ETag", `"${hash}"`);
    await sendFile(ctx, found.path);
  });
}

/** Streams a file by the rules of HTTP; returns when the answer is out or the client is gone. */
async function sendFile(ctx: RouterContext, path: string): Promise<void> {
  const options = {
    root: dirname(path),
    dotfiles: "deny",
    index: false,
    immutable: true,
    maxAge: "1y",
  } as const;
  const stream = send(ctx.req, basename(path), options);
  ctx.respond = false;
  // Not ctx.status, which would settle the words for it, too.
  ctx.res.statusCode = 200;
  await new Promise<void>((resolve) => {
    stream.on("error", (error: HttpError) => {
      // The disk failed in mid-file: only a cut connection still tells the client.
      if (ctx.res.headersSent) {
        ctx.state.logger.error({ err: error }, "an artifact cannot be read to its end");
        ctx.res.destroy();
        return;
      }
      ctx.res.writeHead(error.status, { ...error.headers, "Cache-Control": "no-store" });
      ctx.res.end();
    });
    // `send` closes the file when the answer's connection ends, and an answer whose turn never came never had one.
    stream.on("stream", (file: Readable) => finished(ctx.res, () => file.destroy()));
    finished(ctx.res, () => resolve());
    stream.pipe(ctx.res);
  });
}

/** What `send` reports: 404 for a file that just went away, 412 and 416 for conditions and ranges that fail. */
interface HttpError extends Error {
  status: number;
  headers?: Record<string, string>;
}
