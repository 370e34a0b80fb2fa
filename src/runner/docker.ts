import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import type { Container } from "dockerode";
import { Problem } from "../errors.ts";
import type { BuildSpec, Limits } from "../spec/spec.ts";
import { archiveNames, unpack } from "./archive.ts";
import { Background } from "./background.ts";
import { archiveName, containerOptions, type Placement } from "./container.ts";
import { Containers, type PinnedImage } from "./containers.ts";
import { defaultPatience, type RunnerLog } from "./daemon.ts";
import { type Execution, execute, type Stage } from "./execution.ts";
import { follow } from "./follow.ts";
import type { OutputContract } from "./images.ts";
import type { Collected } from "./outputs.ts";
import { pause, WarmPool } from "./pool.ts";
import type { Runner, RunOptions, RunResult, ToolchainImage } from "./runner.ts";
import { Site } from "./site.ts";
import { judge } from "./verdict.ts";
import type { WarmthOptions } from "./warmth.ts";
import { idPattern, type RunnerDirectories } from "./workspace.ts";

export interface DockerRunnerOptions {
  docker: Docker;
  directories: RunnerDirectories;
  /** Marks the containers of this server among those of others on the same daemon; the same after a restart. */
  instance: string;
  /** Milliseconds the daemon may take for one answer before it counts as gone. */
  patience?: number;
  /** What is kept started for builds to come; nothing, if left out. */
  warm?: WarmthOptions;
  logger?: RunnerLog;
  /** Whether files travel through the daemon instead of directories that both sides see. */
  copies?: boolean;
  /** The daemon's name of the OCI runtime that builds run in; left out or empty: its default. */
  runtime?: string;
}

/** A runner that gives each build a throw-away container of a Docker daemon. */
export function createDockerRunner(options: DockerRunnerOptions): Runner {
  return new DockerRunner(options);
}

const neverStarted: RunResult = {
  status: "cancelled",
  reason: "The build was cancelled before it started.",
  exitCode: null,
  outputs: [],
  log: "",
  milliseconds: 0,
};

/** Builds that may be cleared away while others go on: a daemon that is slow to remove them slows builds down. */
const clearingAtOnce = 8;

const notWarm: WarmthOptions = { size: 0, idleMilliseconds: 0 };

class DockerRunner implements Runner {
  readonly #site: Site;
  readonly #pool: WarmPool;
  readonly #logger: RunnerLog | undefined;
  /** The clearing away of builds that had their last word. */
  readonly #background = new Background();

  constructor(options: DockerRunnerOptions) {
    const { docker, patience = defaultPatience, warm = notWarm, logger, ...where } = options;
    this.#site = new Site({ ...where, containers: new Containers(docker, patience), logger });
    this.#pool = new WarmPool(this.#site, warm, logger);
    this.#logger = logger;
  }

  images(): Promise<ToolchainImage[]> {
    return this.#site.containers.images();
  }

  watchImages(changed: () => void, signal: AbortSignal): Promise<void> {
    return this.#site.containers.watchImages(changed, signal);
  }

  async run(spec: BuildSpec, options: RunOptions): Promise<RunResult> {
    const { id, signal } = options;
    if (!idPattern.test(id) || this.#site.isLive(id)) throw new RangeError(`not a new build id: ${id}`);
    if (signal.aborted) return neverStarted;
    this.#site.claim(id);
    try {
      const image = await this.#site.containers.pin(spec.image);
      const result = await this.#runWarm(spec, image, options);
      if (result === undefined && signal.aborted) return neverStarted;
      return result ?? (await this.#runCold(spec, image, options));
    } finally {
      this.#site.release(id);
      this.#pool.refill();
    }
  }

  async reap(): Promise<number> {
    const { containers, workspace, instance } = this.#site;
    const listed = await containers.list();
    const ours = listed.filter(
      (one) => one.instance === instance && !one.busy && !this.#site.isLive(one.build),
    );
    await Promise.all(ours.map(({ container }) => containers.remove(container)));

    // Servers may share directories: those in use by another one's container are not ours to remove.
    const others = new Set(
      listed.filter((one) => one.instance !== instance || one.busy).map(({ build }) => build),
    );
    const images = new Map(ours.map(({ build, image }) => [build, image]));
    for (const id of await workspace.ids()) {
      if (!this.#site.isLive(id) && !others.has(id)) await this.#site.clear(id, images.get(id));
    }
    return ours.length;
  }

  async close(): Promise<void> {
    await this.#pool.close();
    await this.#background.settled();
  }

  /** Runs a build in a container that waits for one; undefined if there is none, or it could not begin there. */
  async #runWarm(spec: BuildSpec, image: PinnedImage, options: RunOptions): Promise<RunResult | undefined> {
    const taken = await this.#pool.take(spec, image, options.signal);
    if (taken === undefined) return undefined;
    const { slot, stage } = taken;
    this.#logger?.debug({ build: options.id, slot: slot.place.id }, "a build takes a warm container");
    try {
      return await this.#carryOut(spec, slot.place, async () => stage, options);
    } catch (error) {
      if (slot.begun) throw error;
      this.#logger?.warn({ err: error, build: options.id }, "a warm container did not take its build");
      return undefined;
    } finally {
      this.#site.release(slot.place.id);
    }
  }

  async #runCold(spec: BuildSpec, image: PinnedImage, options: RunOptions): Promise<RunResult> {
    const { containers, transfer } = this.#site;
    const place = await this.#site.place(options.id, image);
    const prepare = async () => {
      await transfer.prepare(place);
      const container = await containers.create(containerOptions(spec, place));
      await transfer.deliver(container, place, spec.files);
      const output = await follow(container, false, containers.patience);
      const { lastWord } = place;
      return { container, output, lastWord, begin: () => containers.start(container) };
    };
    return this.#carryOut(spec, place, prepare, options);
  }

  /** From a stage to a result; leaves nothing at the place, however it ends, or is about to. */
  async #carryOut(
    spec: BuildSpec,
    place: Placement,
    prepare: () => Promise<Stage>,
    { signal, onLog }: RunOptions,
  ): Promise<RunResult> {
    const { id, contract } = place;
    const { transfer, containers } = this.#site;
    let removal: Promise<boolean> | undefined;
    let ended = true;
    try {
      const stage = await prepare();
      const { container } = stage;
      const execution = await execute(stage, {
        limits: spec.limits,
        signal,
        onLog,
        findExcess: () => transfer.findExcess(container, place, spec.limits),
        lookEvery: transfer.lookEvery,
        early: transfer.readsEarly,
        patience: containers.patience,
      });
      ended = execution.ended;
      // What has ended can be removed and read at once, if its outputs are not in the container.
      if (ended && place.directories !== null) removal = this.#site.discard(id);
      const collected = await readContract(
        contract,
        await transfer.collect(container, place, spec.limits),
        spec.limits,
      );
      return await this.#conclude(spec, container, execution, collected);
    } finally {
      if (ended || this.#background.size >= clearingAtOnce) {
        await (removal ?? this.#site.discard(id));
        await this.#site.clear(id, place.image);
      } else {
        this.#site.claim(id);
        // What has had its last word ends by itself, and the answer goes first.
        this.#background.add(sleep(pause).then(() => this.#site.vacate(place)));
      }
    }
  }

  /** @throws Problem `storage-failed` if the build failed for want of space: that says nothing about the build */
  async #conclude(
    spec: BuildSpec,
    container: Container,
    execution: Execution,
    collected: Collected | null,
  ): Promise<RunResult> {
    const { stop, exitCode, log, milliseconds } = execution;
    const { status, reason } = judge({ stop, exitCode, collected }, spec.outputs);
    if (status === "failed" && (await this.#site.transfer.isFull(container))) {
      throw new Problem("storage-failed", "The disk for build outputs is full.");
    }
    for (const { name, why } of collected?.leftOut ?? []) log.add(`kiisrv: ${name} is left out: ${why}\n`);
    return { status, reason, exitCode, outputs: collected?.outputs ?? [], log: log.toString(), milliseconds };
  }
}

/** The outputs a finished build left, by its contract; null where an archive should be and is none. */
async function readContract(
  contract: OutputContract,
  collected: Collected,
  limits: Limits,
): Promise<Collected | null> {
  if (contract === "files" || collected.excess !== null) return collected;
  for (const name of archiveNames(archiveName)) {
    const archive = collected.outputs.find((output) => output.name === name);
    if (archive !== undefined) return unpack(archive.bytes, limits);
  }
  return null;
}
