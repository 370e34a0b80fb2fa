import cors from "@koa/cors";
import Router from "@koa/router";
import Koa from "koa";
import type { Logger } from "pino";
import { demandKeys, recognizeCallers } from "./callers.ts";
import { limitCrowds } from "./crowding.ts";
import type { Door } from "./door.ts";
import { answerErrors, refuseBadTargets } from "./errors.ts";
import { secureHeaders } from "./headers.ts";
import { logRequests } from "./log.ts";
import { believeProxies } from "./proxies.ts";
import { limitRequests } from "./rates.ts";
import { type AdminParts, adminRoutes } from "./routes/admin.ts";
import { type ArtifactSource, artifactRoutes } from "./routes/artifacts.ts";
import { type HealthParts, healthRoutes } from "./routes/health.ts";
import { type LayoutSource, layoutRoutes } from "./routes/layouts.ts";
import { type LegacyParts, legacyRoutes } from "./routes/legacy.ts";
import { type StatsSource, statsRoutes } from "./routes/stats.ts";
import { type VersionSource, versionRoutes } from "./routes/versions.ts";

/** What the application answers from. */
export interface AppParts {
  logger: Logger;
  door: Door;
  admin: AdminParts;
  legacy: LegacyParts;
  artifacts: ArtifactSource;
  layouts: LayoutSource;
  versions: VersionSource;
  stats: StatsSource;
  health: HealthParts;
}

/** Headers a web client may read besides the simple ones. */
const exposedHeaders = [
  "Accept-Ranges",
  "Content-Range",
  "ETag",
  "RateLimit",
  "RateLimit-Policy",
  "Retry-After",
  "WWW-Authenticate",
  "X-Request-Id",
];

/** Puts the HTTP application together; does not listen. */
export function createApp(parts: AppParts): Koa {
  const { door } = parts;
  const app = new Koa();
  // What is thrown when the answer has begun, or its client is gone: no answer can tell of it any more.
  app.on("error", (error: unknown) => parts.logger.warn({ err: error }, "an answer did not get out whole"));
  const router = new Router();
  legacyRoutes(router, parts.legacy, door);
  artifactRoutes(router, parts.artifacts);
  layoutRoutes(router, parts.layouts);
  versionRoutes(router, parts.versions);
  statsRoutes(router, parts.stats);
  healthRoutes(router, parts.health, door);
  adminRoutes(router, parts.admin, door);

  app.use(believeProxies(door.trustedProxies, parts.logger));
  app.use(secureHeaders(door.hstsSeconds));
  app.use(logRequests(parts.logger));
  app.use(cors({ origin: "*", exposeHeaders: exposedHeaders, maxAge: 86_400 }));
  app.use(answerErrors());
  app.use(refuseBadTargets());
  app.use(recognizeCallers(door.callers));
  app.use(limitCrowds(door.connectionsPerClient, door.rates.refusals));
  app.use(limitRequests(door.rates));
  app.use(demandKeys(door.callers));
  app.use(router.allowedMethods());
  app.use(router.routes());
  return app;
}
