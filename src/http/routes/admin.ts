import type Router from "@koa/router";
import type { FairQueue } from "../../build/queue.ts";
import { Problem } from "../../errors.ts";
import type { AuditLog } from "../../store/audit.ts";
import type { BuildStore } from "../../store/builds.ts";
import type { KeyStore } from "../../store/keys.ts";
import { adminsOnly } from "../callers.ts";
import type { Door } from "../door.ts";

export interface AdminParts {
  builds: Pick<BuildStore, "recent" | "find">;
  audit: Pick<AuditLog, "read">;
  keys: Pick<KeyStore, "list">;
  queue: Pick<FairQueue, "size">;
}

export type AdminDoor = Pick<Door, "callers" | "draining">;

/**
 * `GET /admin/builds`: the newest builds; `/admin/builds/{id}`: one, with the end of its log. `GET /admin/audit`: what was
 * done and refused. `GET /admin/keys`. `PUT` and `DELETE /admin/drain`: new builds are refused, or taken again; `GET`: whether
 * they are, and how many run and wait. All with an admin key only.
 */
export function adminRoutes(
  router: Router,
  { builds, audit, keys, queue }: AdminParts,
  door: AdminDoor,
): void {
  // Given to each route: before a path that the router takes for one of these in spite of its case, `use` would not run.
  const admins = adminsOnly(door.callers);
  const drain = () => ({ draining: door.draining.on, ...queue.size });

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

  router.get("/admin/drain", admins, (ctx) => {
    ctx.body = drain();
  });

  for (const [method, on] of [
    ["put", true],
    ["delete", false],
  ] as const) {
    router[method]("/admin/drain", admins, (ctx) => {
      door.draining.on = on;
      ctx.body = drain();
    });
  }

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
