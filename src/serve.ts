import { mkdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import Docker from "dockerode";
import { type Logger, pino } from "pino";
import { ImageCatalog } from "./build/catalog.ts";
import { Planner } from "./build/planner.ts";
import { FairQueue } from "./build/queue.ts";
import { BuildService } from "./build/service.ts";
import type { Command } from "./cli/command.ts";
import { type Config, readConfig } from "./config.ts";
import { families } from "./firmware/families.ts";
import { imageName, type ReleaseInfo, releaseInfo } from "./firmware/versions.ts";
import { createApp } from "./http/app.ts";
import { LayoutHistory } from "./layout/history.ts";
import { LayoutLibrary } from "./layout/library.ts";
import { createDockerRunner } from "./runner/docker.ts";
import { ArtifactStore } from "./store/artifacts.ts";
import { BuildStore } from "./store/builds.ts";
import { openDatabase, readSchema } from "./store/database.ts";
import { lockDirectory } from "./store/lock.ts";
import { installation } from "./store/meta.ts";
import { openStats, StatsStore } from "./store/stats.ts";
import { openConfig, VersionStore } from "./store/versions.ts";

/** `kiisrv serve`: the server, until SIGTERM or SIGINT. */
export const serve: Command = {
  name: "serve",
  summary: "run the server; it is set up by the environment variables below",
  help: "kiisrv serve\n\n  Runs until SIGTERM or SIGINT, then finishes what runs and exits 0.",

  async run(_args, { environment }) {
    const config = readConfig(environment);
    const logger = pino({ level: config.logLevel });
    const server = await start(config, logger);
    const signal = await stopSignal();
    logger.info({ signal }, "stopping");
    await server.stop();
    logger.info("stopped");
  },
};

export interface RunningServer {
  port: number;
  stop(): Promise<void>;
}

/**
 * Puts the parts together and listens. Returns when requests are answered; the daemon may be away.
 * @throws Error for the operator: a directory or database that cannot be used, a port that is taken
 */
export async function start(config: Config, logger: Logger): Promise<RunningServer> {
  for (const directory of [config.data, config.tmpConfig, config.tmpBuilds, config.artifacts]) {
    await mkdir(directory, { recursive: true });
  }
  const lock = lockDirectory(config.data);
  const store = openStores(config);
  await store.artifacts.sweep();
  const { instance, secret } = installation(store.databases[0]);

  const { tmpConfig, tmpBuilds, hostTmpConfig, hostTmpBuilds } = config;
  const directories = { tmpConfig, tmpBuilds, hostTmpConfig, hostTmpBuilds };
  const runner = createDockerRunner({ docker: new Docker(), directories, instance, logger });
  const catalog = new ImageCatalog(runner);
  const library = new LayoutLibrary(config.layouts);
  const history = new LayoutHistory(config.layouts);
  const { versions, builds, artifacts, stats } = store;
  const planner = new Planner({
    families,
    versions: () => versions.all(),
    library,
    catalog,
    limits: config.limits,
  });
  const { concurrency, queueLength: length, queuePerClient: perClient } = config;
  const queue = new FairQueue({ concurrency, length, perClient });
  const service = new BuildService({ planner, catalog, queue, runner, builds, artifacts, stats, logger });

  const app = createApp({
    logger,
    trustProxy: config.trustProxy,
    legacy: { service, requester: { secret, rawAddresses: config.rawAddresses } },
    artifacts: { find: (name) => artifacts.find(name), sha256: (name) => builds.artifact(name)?.sha256 },
    layouts: {
      read: (name) => library.read(name),
      readAt: (revision, name) => history.readAt(revision, name),
    },
    versions: { offered: () => offeredVersions(versions, catalog) },
    stats,
    health: { checks: healthChecks(builds, catalog) },
  });
  const server = createServer(timeouts, app.callback());
  const port = await listen(server, config);
  logger.info({ host: config.host, port, concurrency, instance }, "listening");
  service.recover().catch((error) => logger.error({ err: error }, "recovery failed"));

  return {
    port,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve));
      await service.stop(config.graceSeconds * 1000);
      server.closeAllConnections();
      await closed;
      for (const database of store.databases) database.close();
      lock.release();
    },
  };
}

/** Receiving a request takes seconds; answering one may take as long as a build, and has no limit here. */
const timeouts = { headersTimeout: 20_000, requestTimeout: 120_000, keepAliveTimeout: 65_000 };

function openStores(config: Config) {
  const file = (name: string) => join(config.data, name);
  const buildsDatabase = openDatabase(file("builds.db"), readSchema("builds"), { durable: true });
  const statsDatabase = openStats(file("stats.db"));
  const configDatabase = openConfig(file("config.db"));
  return {
    databases: [buildsDatabase, statsDatabase, configDatabase] as const,
    builds: new BuildStore(buildsDatabase),
    stats: new StatsStore(statsDatabase),
    versions: new VersionStore(configDatabase),
    artifacts: new ArtifactStore(config.artifacts),
  };
}

async function offeredVersions(versions: VersionStore, catalog: ImageCatalog) {
  await catalog.refresh(2000);
  const offered: Record<string, ReleaseInfo | null> = {};
  for (const version of versions.all()) {
    const image = catalog.find(imageName(version));
    if (!image) continue;
    offered[version.name] = releaseInfo(image.labels, versions.release(version.git_tag ?? ""));
  }
  return offered;
}

function healthChecks(
  builds: BuildStore,
  catalog: ImageCatalog,
): Record<string, () => Promise<string | undefined>> {
  return {
    async database() {
      try {
        builds.recent(1);
      } catch (error) {
        return `the database cannot be read: ${error instanceof Error ? error.message : String(error)}`;
      }
      return undefined;
    },
    async daemon() {
      await catalog.refresh(1000);
      return catalog.lastFault?.message;
    },
    async images() {
      await catalog.refresh(1000);
      return catalog.all().length > 0 ? undefined : "no image kiisrv-controller-* is installed";
    },
  };
}

/** @returns the port, which the system chose if 0 was asked for */
function listen(server: Server, { host, port }: Config): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) =>
      reject(new Error(`cannot listen on ${host}, port ${port}: ${cause.message}`, { cause })),
    );
    server.listen({ port, ...(host === "" ? {} : { host }) }, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve(signal));
  });
}
