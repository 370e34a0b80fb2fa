import { hostname } from "node:os";
import type Docker from "dockerode";
import type { Container, ContainerCreateOptions, ContainerInspectInfo } from "dockerode";
import { Problem } from "../errors.ts";
import type { BuildSpec } from "../spec/spec.ts";
import { buildLabel, instanceLabel, rehearsalLabel } from "./container.ts";
import { ask, askUnless, fault } from "./daemon.ts";
import { incoming, readShort } from "./drain.ts";
import { controllerImages } from "./images.ts";
import { type Mount, mayBeContainer } from "./ownMounts.ts";
import type { ToolchainImage } from "./runner.ts";

/** Of what a program run in a container says, bytes. */
const longestWord = 4096;
/** And this is how long it may take, milliseconds. */
const shortTime = 10_000;

export type PinnedImage = Pick<ToolchainImage, "digest" | "labels">;

/** A build's container as the daemon lists it. */
export interface ListedContainer {
  container: string;
  build: string;
  instance: string;
  image: string;
  /** Whether it is no build's, but a rehearsal that may still be under way, in whatever process. */
  busy: boolean;
}

/** No rehearsal takes this long, seconds. */
const rehearsalTime = 60;

/** What we ask of a Docker daemon, each within a time limit. Everything here throws Problem `runner-unavailable`. */
export class Containers {
  readonly #docker: Docker;
  /** Milliseconds for one answer. */
  readonly patience: number;
  #cores: number | undefined;
  /** By content id: what an image of that id is never changes. */
  readonly #pinned = new Map<string, PinnedImage>();
  #ownMounts: readonly Mount[] | undefined;

  constructor(docker: Docker, patience: number) {
    this.#docker = docker;
    this.patience = patience;
  }

  async images(): Promise<ToolchainImage[]> {
    return controllerImages(
      await ask(this.patience, (abortSignal) => this.#docker.listImages({ abortSignal })),
    );
  }

  /** Calls back when it begins to listen, and with each change among the images; see `Runner.watchImages`. */
  async watchImages(changed: () => void, signal: AbortSignal): Promise<void> {
    const events = await ask(this.patience, (limit) => {
      const abortSignal = AbortSignal.any([limit, signal]);
      return this.#docker.getEvents({ filters: { type: ["image"] }, abortSignal });
    });
    try {
      changed();
      for await (const _event of events) changed();
    } catch (error) {
      if (!signal.aborted) throw fault(error);
    }
  }

  /**
   * Finds the very image of a spec on the daemon; nothing is ever pulled. One that was found once may be gone since:
   * `create` tells.
   * @throws Problem `image-missing`
   */
  async pin({ name, digest }: BuildSpec["image"]): Promise<PinnedImage> {
    if (digest === null) {
      const image = (await this.images()).find((one) => one.name === name);
      return image ?? imageMissing(name);
    }
    const known = this.#pinned.get(digest);
    if (known !== undefined) return known;
    const found = await askUnless([404], this.patience, () => this.#docker.getImage(digest).inspect());
    if (found === undefined) return imageMissing(name);
    const pinned = { digest: found.Id, labels: found.Config.Labels ?? {} };
    this.#pinned.set(digest, pinned);
    return pinned;
  }

  /** Cores of the daemon's machine; infinite if it does not say. Asked once: slow to answer, and it does not change. */
  async cores(): Promise<number> {
    if (this.#cores === undefined) {
      const { NCPU } = await ask(this.patience, () => this.#docker.info());
      // What is no number would leave builds without a limit.
      this.#cores = typeof NCPU === "number" && NCPU > 0 ? NCPU : Number.POSITIVE_INFINITY;
    }
    return this.#cores;
  }

  /** What is mounted into the container of this daemon that we run in; nothing, if we run in none. Asked once. */
  async ownMounts(): Promise<readonly Mount[]> {
    this.#ownMounts ??= await this.#mountsOf(hostname());
    return this.#ownMounts;
  }

  async #mountsOf(name: string): Promise<readonly Mount[]> {
    if (!mayBeContainer(name)) return [];
    // 403: a filter before the socket, which lets only those calls through that builds need.
    const found = await askUnless([403, 404], this.patience, (abortSignal) =>
      this.#docker.getContainer(name).inspect({ abortSignal }),
    );
    return found?.Mounts ?? [];
  }

  /** @throws Problem `image-missing` if it was removed meanwhile */
  async create(options: ContainerCreateOptions): Promise<Container> {
    const container = await askUnless([404], this.patience, (abortSignal) =>
      this.#docker.createContainer({ ...options, abortSignal }),
    );
    return container ?? imageMissing(options.Image ?? "");
  }

  async start(container: Container): Promise<void> {
    await ask(this.patience, (abortSignal) => container.start({ abortSignal }));
  }

  /** How a container is: whether it runs, and how it ended if it does not. */
  async state(container: Container): Promise<ContainerInspectInfo["State"]> {
    return (await ask(this.patience, (abortSignal) => container.inspect({ abortSignal }))).State;
  }

  /** Kills and removes a container, by id or name, with its volumes; one that is not there, or already going, is fine. */
  async remove(container: string): Promise<void> {
    await askUnless([404, 409], this.patience, (abortSignal) =>
      this.#docker.getContainer(container).remove({ force: true, v: true, abortSignal }),
    );
  }

  /** Unpacks a tar archive in a container, running or not. */
  async put(container: Container, path: string, archive: Buffer): Promise<void> {
    await ask(this.patience, (abortSignal) => container.putArchive(archive, { path, abortSignal }));
  }

  /**
   * A directory of a container, running or not, as a tar archive.
   * @returns undefined if there is none
   */
  async get(container: Container, path: string): Promise<AsyncGenerator<Buffer> | undefined> {
    const stream = await askUnless([404], this.patience, (abortSignal) =>
      container.getArchive({ path, abortSignal }),
    );
    return stream && incoming(stream, this.patience);
  }

  /**
   * Runs a short program in a container beside what runs there.
   * @returns undefined if the container does not run
   */
  async runIn(
    container: Container,
    command: string[],
  ): Promise<{ exitCode: number; output: string } | undefined> {
    // 404, 409: it has just ended.
    const exec = await askUnless([404, 409], this.patience, (abortSignal) =>
      container.exec({ Cmd: command, AttachStdout: true, Tty: true, abortSignal }),
    );
    if (exec === undefined) return undefined;
    const stream = await askUnless([404, 409], this.patience, (abortSignal) =>
      exec.start({ Tty: true, abortSignal }),
    );
    if (stream === undefined) return undefined;
    const output = await readShort(stream, longestWord, shortTime);
    // A short program that goes on is another one, or somebody holds it up.
    if (output === null) return { exitCode: 1, output: "" };
    const { ExitCode } = await ask(this.patience, (abortSignal) => exec.inspect({ abortSignal }));
    return ExitCode === null ? undefined : { exitCode: ExitCode, output: output.toString() };
  }

  /** Runs a short container of ours to its end. */
  async runThrough(options: ContainerCreateOptions): Promise<void> {
    const container = await this.create(options);
    try {
      await this.start(container);
      await ask(this.patience, (abortSignal) => container.wait({ abortSignal }));
    } finally {
      await this.remove(container.id);
    }
  }

  /** All containers of builds and rehearsals, running or not, of every server that uses this daemon. */
  async list(): Promise<ListedContainer[]> {
    const filters = { label: [instanceLabel] };
    const containers = await ask(this.patience, (abortSignal) =>
      this.#docker.listContainers({ all: true, filters, abortSignal }),
    );
    return containers.map(({ Id, ImageID, Labels, Created }) => {
      const rehearsal = Labels[rehearsalLabel];
      return {
        container: Id,
        build: Labels[buildLabel] ?? rehearsal ?? "",
        instance: Labels[instanceLabel] ?? "",
        image: ImageID,
        busy: rehearsal !== undefined && Date.now() / 1000 - Created < rehearsalTime,
      };
    });
  }
}

function imageMissing(name: string): never {
  throw new Problem("image-missing", `The toolchain image ${name} is not on this server.`, {
    retryAfter: 60,
  });
}
