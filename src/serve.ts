import { mkdir } from "node:fs/promises";
import type { Server } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Logger, pino } from "pino";
import { settle } from "./backup/swap.ts";
import { ImageCatalog } from "./build/catalog.ts";
import { DiskGuard } from "./build/diskGuard.ts";
import { offeredVersions } from "./build/offer.ts";
import { Planner } from "./build/planner.ts";
import { FairQueue } from "./build/queue.ts";
import { readinessChecks } from "./build/readiness.ts";
import { Retention } from "./build/retention.ts";
import { BuildService } from "./build/service.ts";
import { UseLog } from "./build/uses.ts";
import { type Config, configVariables } from "./config.ts";
import { diagnose } from "./diagnose.ts";
import { Checkup } from "./doctor/checkup.ts";
import { families } from "./firmware/families.ts";
import { createApp } from "./http/app.ts";
import { createDoor } from "./http/door.ts";
import { LayoutHistory } from "./layout/history.ts";
import { LayoutLibrary } from "./layout/library.ts";
import { LayoutListing } from "./layout/listing.ts";
import { SyncedLayouts } from "./layout/synced.ts";
import { connectDaemon } from "./runner/connect.ts";
import { createDockerRunner } from "./runner/docker.ts";
import { ArtifactStore } from "./store/artifacts.ts";
import { AuditLog, openAccess } from "./store/audit.ts";
import { BuildStore, openBuilds } from "./store/builds.ts";
import type { Database } from "./store/database.ts";
import { freeSpace } from "./store/disk.ts";
import { KeyStore } from "./store/keys.ts";
import { lockDirectory } from "./store/lock.ts";
import { installation } from "./store/meta.ts";
import { openStats, StatsStore } from "./store/stats.ts";
import { openConfig, VersionStore } from "./store/versions.ts";

/** Runs the server with a log on standard output. */
export async function startLogged(config: Config) {
  const logger = pino({ level: config.logLevel });
  const server = await start(config, logger);
  return {
    async stop(signal: string): Promise<void> {
      logger.info({ signal }, "stopping");
      await server.stop();
      logger.info("stopped");
    },
  };
}

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
  const held: Held = [() => lock.release()];
  try {
    await settle(config.data);
    return await assemble(config, logger, held);
  } catch (error) {
    giveBack(held);
    throw error;
  }
}

/** How to give back what the server holds, in the order it was taken. */
type Held = (() => void)[];

function giveBack(held: Held): void {
  for (const release of held.splice(0).reverse()) release();
}

async function assemble(config: Config, logger: Logger, held: Held): Promise<RunningServer> {
  const store = openStores(config, held);
  await store.artifacts.sweep();
  const { instance, secret } = installation(store.identity);

  const { tmpConfig, tmpBuilds, hostTmpConfig, hostTmpBuilds } = config;
  const directories = { tmpConfig, tmpBuilds, hostTmpConfig, hostTmpBuilds };
  const warm = { size: config.warm, idleMilliseconds: config.warmIdleSeconds * 1000 };
  const { docker, copies } = connectDaemon(config);
  const { runtime } = config;
  const runner = createDockerRunner({ docker, directories, instance, warm, logger, copies, runtime });
  const catalog = new ImageCatalog(runner);
  const synced = new SyncedLayouts(...config.syncedLayouts);
  const library = new LayoutLibrary(config.layouts, synced);
  const listing = new LayoutListing(library);
  const history = new LayoutHistory(config.layouts, synced);
  const { versions, builds, artifacts, stats } = store;
  const planner = new Planner({
    families,
    versions: () => versions.all(),
    library,
    catalog,
    limits: config.limits,
  });
  const { concurrency, queueLength: length, queuePerClient: perClient, startChecks } = config;
  const queue = new FairQueue({ concurrency, length, perClient });
  const uses = new UseLog(builds, logger);
  const retention = new Retention({ artifacts, builds, uses, logger }, config.keep);
  const room = guardDisks(config, retention, logger);
  const service = new BuildService({
    planner,
    catalog,
    queue,
    runner,
    builds,
    artifacts,
    stats,
    uses,
    room,
    logger,
  });

  const { keys, audit } = store;
  const door = createDoor(config, { keys, audit, secret, logger });
  held.push(() => door.close());
  const checkup = new Checkup({
    look: (whole, signal) =>
      diagnose(
        {
          config: { ...config, port },
          mistakes: [],
          known: configVariables(),
          environment: process.env,
          rehearse: whole,
          thorough: false,
        },
        signal,
      ),
    logger,
  });
  const app = createApp({
    logger,
    door,
    legacy: { service, audit },
    admin: { builds, audit, keys, queue },
    artifacts: {
      async find(name) {
        const found = await artifacts.find(name);
        if (found) uses.note(name);
        return found;
      },
      sha256: (name) => builds.artifact(name)?.sha256,
    },
    layouts: {
      read: (name) => library.read(name),
      readAt: (revision, name) => history.readAt(revision, name),
      list: () => listing.list(),
      source: () => synced.current()?.source ?? null,
    },
    versions: { offered: () => offeredVersions(versions, catalog) },
    stats,
    health: { checks: readinessChecks(builds, catalog, room), problems: () => checkup.problems() },
  });
  const server = door.createServer(app.callback());
  const port = await listen(server, config);
  server.on("error", (error) => logger.error({ err: error }, "a connection cannot be accepted"));
  logger.info({ host: config.host, port, concurrency, instance }, "listening");
  // Recovery clears directories away that no build owns: what is checked must come after.
  void service.recover().then(async () => {
    if (startChecks !== "none") await checkup.start(startChecks === "full");
  });
  void retention.start();
  const stopping = new AbortController();
  catalog
    .listen(stopping.signal)
    .catch((error) => logger.error({ err: error }, "changes among the images are not told of any more"));
  stats.catchUp(stopping.signal).catch((error) => logger.error({ err: error }, "statistics are behind"));

  return {
    port,
    async stop() {
      stopping.abort();
      const closed = new Promise((resolve) => server.close(resolve));
      const cleared = Promise.all([runner.close(), checkup.stop()]);
      const stopped = service.stop(config.graceSeconds * 1000);
      // What ended meanwhile left something to clear away, too.
      const all = Promise.all([cleared, stopped])
        .then(() => runner.close())
        .catch((error) => logger.error({ err: error }, "what builds left is not all cleared away"));
      await stopped;
      await Promise.race([all, sleep(clearTime, undefined, { ref: false })]);
      await disconnect(server, closed);
      await retention.stop();
      giveBack(held);
    },
  };
}

/** Time a daemon has to remove what waited for builds, once all that ran is over; the next start removes the rest. */
const clearTime = 3000;

/** Time the last answers have to get out, milliseconds. */
const answerTime = 2000;

/** Ends all connections, those with an answer under way last. */
async function disconnect(server: Server, closed: Promise<unknown>): Promise<void> {
  const sweep = setInterval(() => server.closeIdleConnections(), 20);
  await Promise.race([closed, sleep(answerTime, undefined, { ref: false })]);
  clearInterval(sweep);
  server.closeAllConnections();
  await closed;
}

/** No build begins on a disk that is nearly full; where the artifacts are on it, the least used ones give way first. */
function guardDisks(config: Config, retention: Retention, logger: Logger): DiskGuard {
  const { data, tmpConfig, tmpBuilds, artifacts, minimumFree } = config;
  return new DiskGuard({
    places: [
      { name: "KIISRV_DATA", directory: data },
      { name: "KIISRV_TMP_CONFIG", directory: tmpConfig },
      { name: "KIISRV_TMP_BUILDS", directory: tmpBuilds },
      { name: "KIISRV_ARTIFACTS", directory: artifacts },
    ],
    minimum: minimumFree,
    measure: freeSpace,
    remedies: [
      () => retention.sweep(),
      async ({ device, ...missing }) => {
        if ((await freeSpace(artifacts)).device === device) await retention.makeRoom(missing);
      },
    ],
    logger,
  });
}

function openStores(config: Config, held: Held) {
  const file = (name: string) => join(config.data, name);
  const kept = (database: Database) => {
    held.push(() => database.close());
    return database;
  };
  const access = kept(openAccess(file("access.db")));
  const audit = new AuditLog(access);
  const identity = kept(openBuilds(file("builds.db"), { durable: true }));
  return {
    identity,
    audit,
    keys: new KeyStore(access, audit),
    builds: new BuildStore(identity),
    stats: new StatsStore(kept(openStats(file("stats.db")))),
    versions: new VersionStore(kept(openConfig(file("config.db")))),
    artifacts: new ArtifactStore(config.artifacts),
  };
}

/** @returns the port, which the system chose if 0 was asked for */
function listen(server: Server, { host, port }: Config): Promise<number> {
  return new Promise((resolve, reject) => {
    const refuse = (cause: Error) =>
      reject(
        new Error(`cannot listen on ${host || "any address"}, port ${port}: ${cause.message}`, { cause }),
      );
    server.once("error", refuse);
    server.listen({ port, ...(host === "" ? {} : { host }) }, () => {
      server.off("error", refuse);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
