import { createHash } from "node:crypto";
import type Router from "@koa/router";
import type { RouterContext } from "@koa/router";
import { Problem } from "../../errors.ts";
import type { LayoutFile } from "../../layout/library.ts";
import type { BrokenLayout, ListedLayout } from "../../layout/listing.ts";
import type { LayoutsSource } from "../../layout/synced.ts";
import { SharedBytes } from "../sharedBytes.ts";

export interface LayoutSource {
  read(name: string): LayoutFile | undefined;
  /** The file as it was in a revision of the library. */
  readAt(revision: string, name: string): Promise<Buffer>;
  list(): Promise<(ListedLayout | BrokenLayout)[]>;
  /** What was synced, if anything was. */
  source(): LayoutsSource | null;
}

/** `GET /layouts`: what there is. `GET /layouts/{file}`: one, with `?rev=` as it was in a git revision of the library. */
export function layoutRoutes(router: Router, layouts: LayoutSource): void {
  const shared = new SharedBytes();

  router.get("/layouts", async (ctx) => {
    const list = await layouts.list();
    sendJson(ctx, shared, Buffer.from(JSON.stringify({ layouts: list, source: layouts.source() })));
  });

  router.get("/layouts/:file", async (ctx) => {
    const name = ctx.params.file ?? "";
    const { rev } = ctx.query;
    if (Array.isArray(rev)) throw new Problem("bad-request", "rev may be given once");
    const bytes = rev === undefined ? layouts.read(name)?.bytes : await layouts.readAt(rev, name);
    if (!bytes) throw new Problem("not-found", `there is no layout '${name.slice(0, 100)}' here`);
    sendJson(ctx, shared, bytes);
  });
}

/** To be asked for again each time, but not sent again to who has it. */
function sendJson(ctx: RouterContext, shared: SharedBytes, bytes: Buffer): void {
  const hash = createHash("sha256").update(bytes).digest("base64url");
  ctx.type = "application/json";
  ctx.set("Cache-Control", "no-cache");
  ctx.set("ETag", `"${hash}"`);
  ctx.status = 200;
  if (ctx.fresh) ctx.status = 304;
  else ctx.body = shared.of(ctx, hash, bytes);
}
