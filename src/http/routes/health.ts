import type Router from "@koa/router";
import type { Draining } from "../draining.ts";

/** Asked every few seconds by whatever watches the server: of no interest in a log, free of charge, and for everybody. */
export const healthPaths: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);

/** What must be there to build; each check says what is missing, or nothing. */
export interface HealthParts {
  checks: Record<string, () => Promise<string | undefined>>;
  /** What is known to be wrong with the installation, at once and for everybody to see; null: nothing is known yet. */
  problems(): readonly { id: string; title: string; status: string }[] | null;
}

/** `GET /healthz`: the process answers. `GET /readyz`: it could build; 503 says what is missing. */
export function healthRoutes(
  router: Router,
  { checks, problems }: HealthParts,
  { draining }: { draining: Draining },
): void {
  router.get("/healthz", (ctx) => {
    ctx.set("Cache-Control", "no-store");
    ctx.body = { status: "alive" };
  });

  router.get("/readyz", async (ctx) => {
    const results = await Promise.all(
      Object.entries({ ...checks, draining: async () => draining.reason() }).map(
        async ([name, check]) => [name, (await check()) ?? "ok"] as const,
      ),
    );
    const ready = results.every(([, result]) => result === "ok");
    ctx.set("Cache-Control", "no-store");
    ctx.status = ready ? 200 : 503;
    const missing = results.filter(([, result]) => result !== "ok").map(([, result]) => result);
    ctx.body = {
      status: ready ? "ready" : "not ready",
      checks: Object.fromEntries(results),
      problems: problems(),
      ...(ready ? {} : { error: missing.join("; ") }),
    };
  });
}
