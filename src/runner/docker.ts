import type Docker from "dockerode";
import { Problem } from "../errors.ts";
import type { BuildSpec, Limits } from "../spec/spec.ts";
import { archiveNames, unpack } from "./archive.ts";
import { archiveName, containerName, containerOptions, handoverOptions, type User } from "./container.ts";
import { Containers, type PinnedImage } from "./containers.ts";
import { defaultPatience, type RunnerLog } from "./daemon.ts";
import { type Execution, execute } from "./execution.ts";
import { type OutputContract, outputContract } from "./images.ts";
import { type Collected, collectOutputs } from "./outputs.ts";
import type { Runner, RunOptions, RunResult, ToolchainImage } from "./runner.ts";
import { findExcess } from "./tally.ts";
import { judge } from "./verdict.ts";
import { isCode } from "./walk.ts";
import { idPattern, type RunnerDirectories, Workspace } from "./workspace.ts";

export interface DockerRunnerOptions {
  docker: Docker;
  directories: RunnerDirectories;
  /** Marks the containers of this server among those of others on the same daemon; the same after a restart. */
  instance: string;
  /** Milliseconds the daemon may take for one answer before it counts as gone. */
  patience?: number;
  logger?: RunnerLog;
}

/** A runner that gives each build a throw-away container of a Docker daemon. */
export function createDockerRunner(options: DockerRunnerOptions): Runner {
  return new DockerRunner(options);
}

/** Who our images run as when the server is root: nobody, anywhere. */
const nobody: User = { uid: 65534, gid: 65534 };

const neverStarted: RunResult = {
  status: "cancelled",
  reason: "The build was cancelled before it started.",
  exitCode: null,
  outputs: [],
  log: "",
  milliseconds: 0,
};

class DockerRunner implements Runner {
  readonly #containers: Containers;
  readonly #workspace: Workspace;
  readonly #instance: string;
  readonly #patience: number;
  readonly #logger: RunnerLog | undefined;
  readonly #server: User = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  readonly #live = new Set<string>();

  constructor({ docker, directories, instance, patience = defaultPatience, logger }: DockerRunnerOptions) {
    this.#containers = new Containers(docker, patience);
    this.#workspace = new Workspace(directories);
    this.#instance = instance;
    this.#patience = patience;
    this.#logger = logger;
  }

  images(): Promise<ToolchainImage[]> {
    return this.#containers.images();
  }

  async run(spec: BuildSpec, options: RunOptions): Promise<RunResult> {
    const { id, signal } = options;
    if (!idPattern.test(id) || this.#live.has(id)) throw new RangeError(`not a new build id: ${id}`);
    if (signal.aborted) return neverStarted;
    this.#live.add(id);
    try {
      const image = await this.#containers.pin(spec.image);
      return await this.#build(spec, image, options);
    } finally {
      this.#live.delete(id);
    }
  }

  async reap(): Promise<number> {
    const listed = await this.#containers.list();
    const ours = listed.filter(
      ({ instance, build }) => instance === this.#instance && !this.#live.has(build),
    );
    await Promise.all(ours.map(({ container }) => this.#containers.remove(container)));

    // Servers may share directories: those in use by another one's container are not ours to remove.
    const others = new Set(listed.filter((one) => one.instance !== this.#instance).map(({ build }) => build));
    const images = new Map(ours.map(({ build, image }) => [build, image]));
    for (const id of await this.#workspace.ids()) {
      if (!this.#live.has(id) && !others.has(id)) await this.#clear(id, images.get(id));
    }
    return ours.length;
  }

  async #build(spec: BuildSpec, image: PinnedImage, options: RunOptions): Promise<RunResult> {
    const { id, signal, onLog } = options;
    const contract = outputContract(image.labels);
    const place = { ...(await this.#place(id, image.digest)), contract };
    const outputs = this.#workspace.outputs(id);
    let mayExist = false;
    try {
      await this.#workspace.prepare(id, spec.files, contract === "files" ? place.user : null);
      mayExist = true;
      const container = await this.#containers.create(containerOptions(spec, place));
      const execution = await execute(container, {
        limits: spec.limits,
        signal,
        onLog,
        findExcess: () => findExcess(outputs, spec.limits),
        patience: this.#patience,
      });
      // It has ended, so its removal and the reading of its outputs need not wait for each other.
      const [collected] = await Promise.all([collect(outputs, contract, spec.limits), this.#discard(id)]);
      mayExist = false;
      return await this.#conclude(spec, execution, collected);
    } finally {
      if (mayExist) await this.#discard(id);
      await this.#clear(id, image.digest);
    }
  }

  async #place(id: string, image: string) {
    // A server that is no root has its containers run as itself: then it may read and remove what they leave.
    const user = this.#server.uid === 0 ? nobody : this.#server;
    const cores = await this.#containers.cores();
    return { id, image, instance: this.#instance, user, cores, ...this.#workspace.hostPaths(id) };
  }

  /** @throws Problem `storage-failed` if the build failed for want of space: that says nothing about the build */
  async #conclude(spec: BuildSpec, execution: Execution, collected: Collected | null): Promise<RunResult> {
    const { stop, exitCode, log, milliseconds } = execution;
    const { status, reason } = judge({ stop, exitCode, collected }, spec.outputs);
    if (status === "failed" && (await this.#workspace.isFull())) {
      throw new Problem("storage-failed", "The disk for build outputs is full.");
    }
    for (const { name, why } of collected?.leftOut ?? []) log.add(`kiisrv: ${name} is left out: ${why}\n`);
    return { status, reason, exitCode, outputs: collected?.outputs ?? [], log: log.toString(), milliseconds };
  }

  /** Removes a build's container. A failure does not undo the build: it is logged, and left to `reap`. */
  async #discard(id: string): Promise<void> {
    try {
      await this.#containers.remove(containerName(id));
    } catch (error) {
      this.#logger?.warn({ err: error, build: id }, "container not removed");
    }
  }

  /** Removes a build's directories, likewise. What a field image's root left may first have to be handed over to us. */
  async #clear(id: string, image: string | undefined): Promise<void> {
    try {
      await this.#workspace.remove(id).catch(async (error: unknown) => {
        if (!isCode(error, "EACCES", "EPERM")) throw error;
        await this.#handOver(id, image);
        await this.#workspace.remove(id);
      });
    } catch (error) {
      this.#logger?.warn({ err: error, build: id }, "directories not removed");
    }
  }

  async #handOver(id: string, image: string | undefined): Promise<void> {
    const shell = image ?? (await this.images())[0]?.digest;
    if (shell === undefined) throw new Error("no image to run chown in");
    await this.#workspace.restore(id);
    const { inputs, outputs } = this.#workspace.hostPaths(id);
    await this.#containers.runThrough(
      handoverOptions({ id, image: shell, instance: this.#instance, user: this.#server, inputs, outputs }),
    );
  }
}

/** Reads what a finished build left, by its contract; null where an archive should be and is none. */
async function collect(outputs: string, contract: OutputContract, limits: Limits): Promise<Collected | null> {
  const collected = await collectOutputs(outputs, limits);
  if (contract === "files" || collected.excess !== null) return collected;
  for (const name of archiveNames(archiveName)) {
    const archive = collected.outputs.find((output) => output.name === name);
    if (archive !== undefined) return unpack(archive.bytes, limits);
  }
  return null;
}
