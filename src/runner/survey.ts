import type Docker from "dockerode";
import { buildLabel, instanceLabel } from "./container.ts";
import { ask, askUnless } from "./daemon.ts";
import { controllerImages } from "./images.ts";

/** What a daemon says of itself. Its texts are its own: they may hold anything. */
export interface DaemonFacts {
  name: string;
  version: string;
  api: string;
  os: string;
  architecture: string;
  cores: number;
  memoryBytes: number;
  /** `1`, `2`; empty: it does not say. */
  cgroupVersion: string;
  cgroupDriver: string;
  storageDriver: string;
  root: string;
  /** E.g. `name=rootless`, `name=seccomp,profile=default`. */
  security: string[];
  warnings: string[];
  /** Whether its experimental features may be used. */
  experimental: boolean;
  /** Its clock minus ours, milliseconds; NaN: it tells no time. */
  clockAhead: number;
}

/** A controller image and what it was made for. */
export interface InspectedImage {
  name: string;
  digest: string;
  labels: Readonly<Record<string, string>>;
  os: string;
  architecture: string;
}

/** A container that bears an instance's label, whatever it is for. */
export interface InstanceContainer {
  id: string;
  name: string;
  build: string;
  running: boolean;
}

/** What a daemon can be asked without a build. Everything here throws Problem `runner-unavailable`. */
export class Survey {
  readonly #docker: Docker;
  readonly #patience: number;

  /** @param patience milliseconds for one answer */
  constructor(docker: Docker, patience: number) {
    this.#docker = docker;
    this.#patience = patience;
  }

  /** Resolves if the daemon answers. */
  async ping(): Promise<void> {
    await ask(this.#patience, () => this.#docker.ping());
  }

  async daemon(): Promise<DaemonFacts> {
    const asked = Date.now();
    const [version, info] = await Promise.all([
      ask(this.#patience, () => this.#docker.version()),
      ask(this.#patience, () => this.#docker.info()),
    ]);
    return {
      name: text(version.Components?.[0]?.Name),
      version: text(version.Version),
      api: text(version.ApiVersion),
      os: text(version.Os),
      architecture: text(version.Arch),
      cores: Number(info.NCPU),
      memoryBytes: Number(info.MemTotal),
      cgroupVersion: text(info.CgroupVersion),
      cgroupDriver: text(info.CgroupDriver),
      storageDriver: text(info.Driver),
      root: text(info.DockerRootDir),
      security: texts(info.SecurityOptions),
      warnings: texts(info.Warnings),
      experimental: info.ExperimentalBuild === true,
      clockAhead: clockAhead(text(info.SystemTime), asked, Date.now()),
    };
  }

  /** The controller images, as builds would find them. */
  async images(): Promise<InspectedImage[]> {
    const listed = controllerImages(
      await ask(this.#patience, (abortSignal) => this.#docker.listImages({ abortSignal })),
    );
    return Promise.all(
      listed.map(async ({ name, digest, labels }) => {
        const image = await ask(this.#patience, () => this.#docker.getImage(digest).inspect());
        return { name, digest, labels, os: text(image.Os), architecture: text(image.Architecture) };
      }),
    );
  }

  /** Every container of this instance, running or not. */
  async containers(instance: string): Promise<InstanceContainer[]> {
    const filters = { label: [`${instanceLabel}=${instance}`] };
    const listed = await ask(this.#patience, (abortSignal) =>
      this.#docker.listContainers({ all: true, filters, abortSignal }),
    );
    return listed.map(({ Id, Names, Labels, State }) => ({
      id: Id,
      name: (Names[0] ?? Id).replace(/^\//, ""),
      build: Labels[buildLabel] ?? "",
      running: State === "running",
    }));
  }

  /**
   * The image a container runs.
   * @param installed the content id which the name of that image has now; null: it has none
   * @returns undefined when the daemon has no such container, or does not tell
   */
  async imageOf(
    container: string,
  ): Promise<{ name: string; running: string; installed: string | null } | undefined> {
    // 403: a filter before the socket, which lets only those calls through that builds need.
    const found = await askUnless([403, 404], this.#patience, () =>
      this.#docker.getContainer(container).inspect(),
    );
    if (found === undefined) return undefined;
    const name = found.Config.Image;
    const image = await askUnless([404], this.#patience, () => this.#docker.getImage(name).inspect());
    return { name, running: found.Image, installed: image?.Id ?? null };
  }
}

/** Between question and answer there is no telling when it looked at its clock: inside that time it counts as right. */
function clockAhead(systemTime: string, asked: number, answered: number): number {
  const theirs = Date.parse(systemTime);
  if (theirs > answered) return theirs - answered;
  return Math.min(0, theirs - asked);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
}
