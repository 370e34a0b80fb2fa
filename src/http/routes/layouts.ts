import { createHash } from "node:crypto";
import type Router from "@koa/router";
import { Problem } from "../../errors.ts";
import type { LayoutFile } from "../../layout/library.ts";

export interface LayoutSource {
  read(name: string): LayoutFile | undefined;
  /** The file as it was in a revision of the library. */
  readAt(revision: string, name: string): Promise<Buffer>;
}

/** `GET /layouts/{file}`, with `?rev=` as it was in a git revision of the library. */
export function layoutRoutes(router: Router, layouts: LayoutSource): void {
  router.get("/layouts/:file", async (ctx) => {
    const name = ctx.params.file ?? "";
    const { rev } = ctx.query;
    if (Array.isArray(rev)) throw new Problem("bad-request", "rev may be given once");
    const bytes = rev === undefined ? layouts.read(name)?.bytes : await layouts.readAt(rev, name);
    if (!bytes) throw new Problem("not-found", `there is no layout '${name.slice(0, 100)}' here`);
    ctx.type = "application/json";
    ctx.set("Cache-Control", "no-cache");
    ctx.set("ETag", `"${createHash("sha256").update(bytes).digest("base64url")}"`);
    ctx.status = 200;
    if (ctx.fresh) ctx.status = 304;
    else ctx.body = bytes;
  });
}
