import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { onTestFinished, vi } from "vitest";
import { ImageCatalog } from "../../src/build/catalog.ts";
import { DiskGuard } from "../../src/build/diskGuard.ts";
import { Planner } from "../../src/build/planner.ts";
import { FairQueue } from "../../src/build/queue.ts";
import { BuildService, type Requester } from "../../src/build/service.ts";
import { UseLog } from "../../src/build/uses.ts";
import { families } from "../../src/firmware/families.ts";
import { LayoutLibrary } from "../../src/layout/library.ts";
import { SyncedLayouts } from "../../src/layout/synced.ts";
import { ArtifactStore } from "../../src/store/artifacts.ts";
import { AuditLog, openAccess } from "../../src/store/audit.ts";
import { BuildStore, openBuilds } from "../../src/store/builds.ts";
import type { Database } from "../../src/store/database.ts";
import { KeyStore } from "../../src/store/keys.ts";
import { openStats, StatsStore } from "../../src/store/stats.ts";
import { openConfig, VersionStore } from "../../src/store/versions.ts";
import { context, type Document } from "./documents.ts";
import { ScriptedRunner } from "./scripted-runner.ts";

export const repository = join(import.meta.dirname, "../..");
export const repositoryLayouts = join(repository, "layouts");

/** Waits until something holds; a busy machine may take its time. */
export function eventually(condition: () => unknown): Promise<unknown> {
  return vi.waitUntil(condition, { timeout: 15_000, interval: 10 });
}

/** A new directory that goes away with the test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "kiisrv-test-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export interface HouseOptions {
  /** Where its databases and artifacts are; that of a former house is a restart. */
  directory?: string;
  layouts?: string;
  runner?: ScriptedRunner;
  concurrency?: number;
  queueLength?: number;
  queuePerClient?: number;
  /** Makes the artifact store; a real one if left out. */
  artifacts?: (directory: string) => ArtifactStore;
}

export type House = ReturnType<typeof openHouse>;

/** A build service with everything real but the runner: SQLite and artifacts on disk, planner and library. */
export function openHouse(options: HouseOptions = {}) {
  const { directory = temporaryDirectory(), runner = new ScriptedRunner() } = options;
  const artifactDirectory = join(directory, "artifacts");
  mkdirSync(artifactDirectory, { recursive: true });
  const databases = {
    builds: openBuilds(join(directory, "builds.db")),
    stats: openStats(join(directory, "stats.db")),
    config: openConfig(join(directory, "config.db")),
    access: openAccess(join(directory, "access.db"), { durable: false }),
  };
  onTestFinished(() => closeAll(Object.values(databases)));
  const clock = { now: 0 };
  const catalog = new ImageCatalog(runner, () => clock.now);
  const synced = new SyncedLayouts(join(directory, "layouts"));
  const library = new LayoutLibrary(options.layouts ?? repositoryLayouts, synced);
  const versions = new VersionStore(databases.config);
  const { limits } = context;
  const planner = new Planner({ families, versions: () => versions.all(), library, catalog, limits });
  const queue = new FairQueue({
    concurrency: options.concurrency ?? 2,
    length: options.queueLength ?? 1000,
    perClient: options.queuePerClient ?? 1000,
  });
  const builds = new BuildStore(databases.builds);
  const stats = new StatsStore(databases.stats);
  const audit = new AuditLog(databases.access);
  const keys = new KeyStore(databases.access, audit);
  const artifacts = (options.artifacts ?? ((path) => new ArtifactStore(path)))(artifactDirectory);
  const logger = pino({ level: "silent" });
  const uses = new UseLog(builds, logger);
  const free = { device: 1, bytes: 1e12, files: 1e9 };
  const disk = new DiskGuard({
    places: [{ name: "KIISRV_DATA", directory }],
    minimum: { bytes: 1024 * 1024, files: 10 },
    measure: async () => free,
    remedies: [],
    logger,
    clock: () => clock.now,
  });
  const service = new BuildService({
    planner,
    catalog,
    queue,
    runner,
    builds,
    artifacts,
    stats,
    uses,
    room: disk,
    logger,
  });
  return {
    directory,
    artifactDirectory,
    databases,
    clock,
    catalog,
    library,
    synced,
    versions,
    queue,
    runner,
    builds,
    stats,
    keys,
    audit,
    artifacts,
    service,
    uses,
    /** What its disk has left; a look counts for two seconds of the clock. */
    free,
    disk,
    logger,
    /** Lets what is remembered of the daemon's images grow too old to be used. */
    forgetImages() {
      clock.now += 60_000;
    },
  };
}

function closeAll(databases: Database[]): void {
  for (const database of databases) database.close();
}

/** A request for the demo layout of the repository, changed a little. */
export function demoRequest(change: (document: Document) => void = () => {}, env = "latest"): Buffer {
  const document: Document = JSON.parse(readFileSync(join(repositoryLayouts, "Demo-Standard.json"), "utf8"));
  change(document);
  return Buffer.from(JSON.stringify({ config: document, env }));
}

/** Requests of builds that differ from each other. */
export function differentRequest(number: number): Buffer {
  return demoRequest((document) => {
    document.header.Author = `Author ${number}`;
  });
}

export function requester(client = "ada"): Requester {
  return { client, address: client, os: "Linux", web: true };
}
