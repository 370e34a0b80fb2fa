import type Router from "@koa/router";
import { Problem } from "../../errors.ts";
import type { AuditLog } from "../../store/audit.ts";
import type { BuildStore } from "../../store/builds.ts";
import type { KeyStore } from "../../store/keys.ts";
import { adminsOnly, type CallerParts } from "../callers.ts";

export interface AdminParts {
  builds: Pick<BuildStore, "recent" | "find">;
  audit: Pick<AuditLog, "read">;
  keys: Pick<KeyStore, "list">;
}

/**
 * `GET /admin/builds`: the newest builds; `/admin/builds/{id}`: one, with the end of its log. `GET /admin/audit`: what was
 * done and refused. `GET /admin/keys`. All with an admin key only.
 */
export function adminRoutes(router: Router, { builds, audit, keys }: AdminParts, callers: CallerParts): void {
  // Given to each route: before a path that the router takes for one of these in spite of its case, `use` would not run.
  const admins = adminsOnly(callers);

  router.get("/admin/builds", admins, (ctx) => {
    ctx.body = { builds: builds.recent(readNumber(ctx.query.limit, "limit", 100, 1000)) };
  });

  router.get("/admin/builds/:id", admins, (ctx) => {
    const build = builds.find(ctx.params.id ?? "");
    if (!build) throw new Problem("not-found", "there is no such build");
    ctx.body = build;
  });

  router.get("/admin/audit", admins, (ctx) => {
    const { since, limit } = ctx.query;
    ctx.body = {
      entries: audit.read({
        since: readNumber(since, "since", 0, Number.MAX_SAFE_INTEGER),
        limit: readNumber(limit, "limit", 100, 1000),
      }),
    };
  });

  router.get("/admin/keys", admins, (ctx) => {
    ctx.body = { keys: keys.list() };
  });
}

function readNumber(
  given: string | string[] | undefined,
  name: string,
  fallback: number,
  most: number,
): number {
  if (given === undefined) return fallback;
  const value = typeof given === "string" && /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
  if (value <= most) return value;
  throw new Problem("bad-request", `${name} takes a whole number up to ${most}`);
}
