import type Router from "@koa/router";
import type { ReleaseInfo } from "../../firmware/versions.ts";

export interface VersionSource {
  /** The versions on offer, by name. */
  offered(): Promise<Record<string, ReleaseInfo | null>>;
}

/** `GET /versions`: what can be built here; null where nothing is known of a release. */
export function versionRoutes(router: Router, versions: VersionSource): void {
  router.get("/versions", async (ctx) => {
    ctx.set("Cache-Control", "no-cache");
    ctx.body = await versions.offered();
  });
}
