import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { Problem } from "../errors.ts";
import type { Runner, RunResult, RunStatus } from "../runner/runner.ts";
import { zipFileName } from "../spec/names.ts";
import type { ArtifactStore } from "../store/artifacts.ts";
import type { BuildRow, BuildWork } from "../store/buildRows.ts";
import type { BuildStore } from "../store/builds.ts";
import type { ImageCatalog } from "./catalog.ts";
import type { Room } from "./diskGuard.ts";
import { type Outcome, readOutcome, summarize } from "./outcome.ts";
import { packageBuild } from "./package.ts";
import type { PlannedBuild } from "./planner.ts";
import type { FairQueue } from "./queue.ts";

export interface RunsParts {
  catalog: ImageCatalog;
  queue: FairQueue;
  runner: Runner;
  builds: BuildStore;
  artifacts: ArtifactStore;
  room: Room;
  logger: Logger;
}

export interface Built {
  success: boolean;
  fileName: string;
  outcome: Outcome;
  /** Wall time of the run; null when this was found, not run. */
  milliseconds: number | null;
}

/** A row that runs, or is about to. It may wait long among many, so what it is made from stays in its row until then. */
export type Job = Pick<BuildRow, "id" | "key" | "board" | "layout" | "client">;

/** Time an aborted run has to clear up, milliseconds. */
const abortTime = 10_000;

/**
 * From an accepted build to its artifact: queue, run, package, publish.
 * Invariant: a build that was accepted is a row, and gets an outcome or stays to be run again.
 */
export class BuildRuns {
  readonly #parts: RunsParts;
  readonly #onPutBack: () => void;
  /** The ids of the rows that are queued or under way here. */
  readonly #own = new Set<string>();
  readonly #stop = new AbortController();
  /** Of a run, milliseconds; a moving average, to tell how long the queue is. */
  #usual = 10_000;

  /** @param onPutBack called when a row was left to be run again */
  constructor(parts: RunsParts, onPutBack: () => void) {
    this.#parts = parts;
    this.#onPutBack = onPutBack;
  }

  owns(id: string): boolean {
    return this.#own.has(id);
  }

  /**
   * Accepts a build and runs it.
   * @throws Problem; before it was accepted, too: `storage-low`, `runner-unavailable`, `queue-full`
   */
  async begin(plan: PlannedBuild, client: string): Promise<Built> {
    await this.#assertRoom();
    return this.run(this.#accept(plan, client));
  }

  /** Runs a build that was accepted. */
  run(job: Job): Promise<Built> {
    this.#own.add(job.id);
    return this.#parts.queue
      .run(job.client, () => this.#attempt(job))
      .finally(() => this.#own.delete(job.id));
  }

  /**
   * Orderly stop: what waits stays queued for the next start, what runs may finish within the grace time.
   * @param grace milliseconds
   */
  async stop(grace: number): Promise<void> {
    const { queue, logger } = this.#parts;
    queue.close(shuttingDown());
    const drained = queue.drained();
    await Promise.race([drained, sleep(grace, undefined, { ref: false })]);
    if (queue.size.running > 0) logger.warn(queue.size, "grace time is over: running builds are put back");
    this.#stop.abort();
    await Promise.race([drained, sleep(abortTime, undefined, { ref: false })]);
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
    this.#onPutBack();
  }

  /** @throws Problem `storage-low` */
  async #assertRoom(): Promise<void> {
    const shortage = await this.#parts.room.shortage();
    if (shortage) throw shortage;
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

function shuttingDown(): Problem {
  return new Problem("shutting-down", "the server restarts; ask again in a moment", { retryAfter: 5 });
}
