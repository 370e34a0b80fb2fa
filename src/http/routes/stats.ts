import type Router from "@koa/router";
import { formatStats, type StatsSummary } from "../../store/summary.ts";

export interface StatsSource {
  summary(): StatsSummary;
}

/** `GET /stats`: text as operators' scripts read it; JSON for who prefers that. */
export function statsRoutes(router: Router, stats: StatsSource): void {
  router.get("/stats", (ctx) => {
    const summary = stats.summary();
    ctx.set("Cache-Control", "no-store");
    ctx.vary("Accept");
    ctx.body =
      ctx.accepts("text/plain", "application/json") === "application/json" ? summary : formatStats(summary);
  });
}
