import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { type Complaint, Problem } from "../errors.ts";
import type { Runner, RunResult, RunStatus } from "../runner/runner.ts";
import { zipFileName } from "../spec/names.ts";
import type { ArtifactStore } from "../store/artifacts.ts";
import type { BuildRow, BuildWork } from "../store/buildRows.ts";
import type { BuildStore } from "../store/builds.ts";
import type { StatsStore } from "../store/stats.ts";
import type { ImageCatalog } from "./catalog.ts";
import type { Room } from "./diskGuard.ts";
import { type Outcome, readOutcome, summarize } from "./outcome.ts";
import { packageBuild } from "./package.ts";
import type { PlannedBuild, Planner, PlanSummary } from "./planner.ts";
import type { FairQueue } from "./queue.ts";
import { Recovery } from "./recovery.ts";
import type { UseLog } from "./uses.ts";

/** Who asked for a build. */
export interface Requester {
  /** Tells clients apart: a keyed hash. */
  client: string;
  /** What is stored of the address: the same hash, or the address itself where that is configured. */
  address: string;
  os: string;
  web: boolean;
}

export interface BuildAnswer {
  key: string;
  fileName: string;
  success: boolean;
  outcome: Outcome;
  /** Answered without a run of its own. */
  cached: boolean;
  /** What of the layout was left out on purpose. */
  warnings: Complaint[];
}

export interface ServiceParts {
  planner: Planner;
  catalog: ImageCatalog;
  queue: FairQueue;
  runner: Runner;
  builds: BuildStore;
  artifacts: ArtifactStore;
  stats: StatsStore;
  uses: Pick<UseLog, "note">;
  room: Room;
  logger: Logger;
}

interface Built {
  success: boolean;
  fileName: string;
  outcome: Outcome;
  /** Wall time of the run; null when this was found, not run. */
  milliseconds: number | null;
}

/** A row that runs, or is about to. It may wait long among many, so what it is made from stays in its row until then. */
type Job = Pick<BuildRow, "id" | "key" | "board" | "layout" | "client">;

/** An answer under way, and to what. */
interface Flight {
  summary: PlanSummary;
  built: Promise<Built> | Built;
  /** Whether no run of its own was begun for it. */
  shared: boolean;
}

/** Time an aborted run has to clear up, milliseconds. */
const abortTime = 10_000;

/**
 * The life of a build, in order: plan, cache, queue, run, package, publish. Equal builds in flight are one run.
 * Invariant: a build that was accepted is a row, and a row without an outcome is run again, whatever happened.
 */
export class BuildService {
  readonly #parts: ServiceParts;
  /** Key -> its run, queued or under way. */
  readonly #inFlight = new Map<string, Promise<Built>>();
  /** The ids of the rows those runs belong to. */
  readonly #own = new Set<string>();
  readonly #stop = new AbortController();
  readonly #recovery: Recovery;
  /** Of a run, milliseconds; a moving average, to tell how long the queue is. */
  #usual = 10_000;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
    const { runner, builds, room, logger } = parts;
    const flights = {
      owns: (id: string) => this.#own.has(id),
      has: (key: string) => this.#inFlight.has(key),
      takeUp: (row: BuildRow) =>
        this.#fly(row.key, async () => (await this.#keptInstead(row)) ?? this.#run(row)),
    };
    this.#recovery = new Recovery({ runner, builds, room, logger, flights });
  }

  /**
   * Builds what a client posted, or finds it built.
   *
   * A compiler that fails, a timeout and a limit are answers (`success: false`, a zip with the log).
   * @param admit called before this takes a run of its own; what it throws is the answer
   * @throws Problem for everything else
   */
  async build(body: Uint8Array, requester: Requester, admit?: () => void): Promise<BuildAnswer> {
    const { summary, shared, ...flight } = await this.#begin(body, requester, admit);
    const built = await flight.built;
    const milliseconds = shared ? null : built.milliseconds;
    // When the answer is on its way: nobody should wait for being counted.
    setImmediate(() => this.#count(summary, requester, built.success, milliseconds));
    const { success, fileName, outcome } = built;
    const { key, warnings } = summary;
    return { key, fileName, success, outcome, cached: milliseconds === null, warnings };
  }

  /** Apart from the waiting, which may be long: what was planned is let go of here. */
  async #begin(body: Uint8Array, { client }: Requester, admit?: () => void): Promise<Flight> {
    const { planner, catalog } = this.#parts;
    await catalog.current();
    const plan = planner.recall(body) ?? planner.plan(body);
    const planned = () => (isPlanned(plan) ? plan : planner.plan(body));
    const { key } = plan;
    const summary = summaryOf(plan);
    const shared = (await this.#kept(key)) ?? this.#inFlight.get(key);
    if (shared) return { summary, built: shared, shared: true };
    // Not within the flight: those who share it are not to be turned away for another's sake.
    admit?.();
    return { summary, built: this.#fly(key, () => this.#keptOrRun(planned, key, client)), shared: false };
  }

  /** Runs what a former life of the server left unfinished. Never rejects. */
  recover(): Promise<void> {
    return this.#recovery.recover();
  }

  /**
   * Orderly stop: what waits stays queued for the next start, what runs may finish within the grace time.
   * @param grace milliseconds
   */
  async stop(grace: number): Promise<void> {
    const { queue, logger } = this.#parts;
    this.#recovery.stop();
    queue.close(shuttingDown());
    const drained = queue.drained();
    await Promise.race([drained, sleep(grace, undefined, { ref: false })]);
    if (queue.size.running > 0) logger.warn(queue.size, "grace time is over: running builds are put back");
    this.#stop.abort();
    await Promise.race([drained, sleep(abortTime, undefined, { ref: false })]);
  }

  /** One flight per key: whoever asks for the same meanwhile waits for this one. */
  #fly(key: string, flight: () => Promise<Built>): Promise<Built> {
    const built = flight().finally(() => this.#inFlight.delete(key));
    this.#inFlight.set(key, built);
    return built;
  }

  async #keptOrRun(plan: () => PlannedBuild, key: string, client: string): Promise<Built> {
    const kept = await this.#kept(key);
    if (kept) return kept;
    await this.#assertRoom();
    return this.#run(this.#accept(plan(), client));
  }

  async #kept(key: string): Promise<Built | undefined> {
    const { builds, artifacts, uses } = this.#parts;
    const row = builds.cached(key);
    if (!row?.artifact) return undefined;
    const { status, reason, errors, size } = row;
    const { name } = row.artifact;
    if (await artifacts.find(name)) {
      uses.note(name);
      const outcome = { reason, errors, size };
      return { success: status === "succeeded", fileName: name, outcome, milliseconds: null };
    }
    builds.forget(name);
    return undefined;
  }

  /** @throws Problem `storage-low` */
  async #assertRoom(): Promise<void> {
    const shortage = await this.#parts.room.shortage();
    if (shortage) throw shortage;
  }

  /**
   * From here on the build is a row and will have an outcome. What cannot begin is refused: while no daemon answers
   * nothing runs that would fill the queue, and the rows of those who keep asking would have no bound.
   */
  #accept({ key, name, version, spec, origins }: PlannedBuild, client: string): Job {
    const { catalog, queue, builds } = this.#parts;
    if (catalog.lastFault) throw catalog.lastFault;
    const waiting = queue.size.waiting + 1;
    queue.assertRoom(client, Math.ceil((waiting * this.#usual) / 1000 / queue.concurrency));
    const job = { id: randomUUID(), key, board: name.board, layout: name.layout, client };
    const { container, name: versionName } = version;
    const image = spec.image.digest ?? "";
    builds.create({ ...job, version: versionName, container, image, spec, origins });
    return job;
  }

  #run(job: Job): Promise<Built> {
    this.#own.add(job.id);
    return this.#parts.queue
      .run(job.client, () => this.#attempt(job))
      .finally(() => this.#own.delete(job.id));
  }

  async #attempt(job: Job): Promise<Built> {
    const { builds, runner, logger } = this.#parts;
    try {
      // It may have waited long: there was room when it was accepted.
      await this.#assertRoom();
      const work = builds.work(job.id);
      if (work === undefined) throw new Error("the build has an outcome already");
      builds.start(job.id);
      const { spec } = work;
      logger.info({ build: job.id, key: job.key, board: job.board, image: spec.image.name }, "build starts");
      const id = `${job.id}-${randomBytes(4).toString("hex")}`;
      return await this.#conclude(job, work, await runner.run(spec, { id, signal: this.#stop.signal }));
    } catch (error) {
      this.#putBack(job, error);
      throw error;
    }
  }

  /** Packs the outputs, publishes the zip and gives the row its outcome. */
  async #conclude(job: Job, { spec, origins }: BuildWork, result: RunResult): Promise<Built> {
    const { builds, artifacts, logger } = this.#parts;
    const { status } = result;
    const milliseconds = Math.round(result.milliseconds);
    if (status === "cancelled") throw shuttingDown();
    const success = status === "succeeded";
    const log = success ? result.log : `${result.log}\nkiisrv: ${result.reason}\n`;
    const outcome = readOutcome(result, spec, origins);
    const { reason, errors } = outcome;
    const zip = await packageBuild({
      outputs: result.outputs,
      files: spec.files,
      log,
      summary: summarize(outcome),
      failure: success ? null : { reason, errors },
    });
    const artifact = await artifacts.publish(zipName(job, status), zip);
    builds.finish(job.id, { ...outcome, status, milliseconds, artifact, log });
    this.#usual = 0.8 * this.#usual + 0.2 * milliseconds;
    const told = { status, reason, errors: errors.length, milliseconds, bytes: artifact.bytes };
    logger.info({ build: job.id, ...told }, "build ends");
    return { success, fileName: artifact.name, outcome, milliseconds };
  }

  /** After a fault: what a stop, the daemon or a want of space broke off stays to be built, anything else has failed for good. */
  #putBack(job: Job, error: unknown): void {
    const { builds, logger } = this.#parts;
    const code = error instanceof Problem ? error.code : "internal";
    const reason = error instanceof Problem ? error.message : "the server made a mistake";
    try {
      if (code === "shutting-down" || code === "storage-low") builds.requeue(job.id, "stopped");
      else if (code === "runner-unavailable") builds.requeue(job.id, "crashed");
      else builds.finish(job.id, { status: "faulted", milliseconds: 0, artifact: null, reason, log: "" });
    } catch (storageError) {
      logger.error({ err: storageError, build: job.id }, "the build's row cannot be brought up to date");
    }
    this.#recovery.later();
  }

  /** The same may have been asked for and built since. */
  async #keptInstead(row: BuildRow): Promise<Built | undefined> {
    const kept = await this.#kept(row.key);
    const reason = "built by another request meanwhile";
    if (kept)
      this.#parts.builds.finish(row.id, {
        status: "cancelled",
        milliseconds: 0,
        artifact: null,
        reason,
        log: "",
      });
    return kept;
  }

  /** Statistics must not cost anybody their firmware. */
  #count(plan: PlanSummary, requester: Requester, success: boolean, buildMilliseconds: number | null): void {
    const { client: _, address, ...rest } = requester;
    try {
      this.#parts.stats.record({
        ...rest,
        client: address,
        hash: plan.key,
        board: plan.name.board,
        variant: plan.variant,
        layers: plan.layers,
        container: plan.version.container,
        success,
        requestedAt: new Date(),
        buildMilliseconds,
      });
    } catch (error) {
      this.#parts.logger.error({ err: error }, "the request could not be counted");
    }
  }
}

/**
 * An outcome that repeats itself has the key for its name. One that may differ next time gets a name of its own, for
 * clients keep what they fetched under a name for good.
 */
function zipName(job: Job, status: RunStatus): string {
  const repeats = status === "succeeded" || status === "failed";
  const hash = repeats ? job.key : job.key + randomBytes(4).toString("hex");
  return zipFileName(job, hash, status === "succeeded");
}

function summaryOf({ key, name, variant, layers, version, warnings }: PlanSummary): PlanSummary {
  return { key, name, variant, layers, version, warnings };
}

function isPlanned(plan: PlanSummary): plan is PlannedBuild {
  return "spec" in plan;
}

function shuttingDown(): Problem {
  return new Problem("shutting-down", "the server restarts; ask again in a moment", { retryAfter: 5 });
}
