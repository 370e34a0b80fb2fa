import type { Container } from "dockerode";
import { Problem } from "../errors.ts";
import type { InputFile, Limits } from "../spec/spec.ts";
import { type Placement, type User, volumeTarget } from "./container.ts";
import type { Containers } from "./containers.ts";
import type { Collected } from "./outputs.ts";
import { packInputs, packProbe, unpackOutputs } from "./tar.ts";
import type { Transfer } from "./transfer.ts";
import type { Workspace } from "./workspace.ts";

const outputs = `${volumeTarget}/builds`;

const root: User = { uid: 0, gid: 0 };
/** Of the archive around outputs: headers, padding, long names. */
const overheadOfOne = 4096;

/** Less room than this after a failed build is none. */
const probeBytes = 1024 * 1024;

/** Two lines: bytes by length, and how many there are. An image without `du` is not measured, only read within its limits. */
const measure = [
  "/bin/sh",
  "-c",
  `command -v du >/dev/null || exit 0; du -s -b ${outputs} && du -s --inodes ${outputs}`,
];

/** Files through the daemon, into a volume that goes with the container. */
export class Copies implements Transfer {
  /** Each look is a process in the container. */
  readonly lookEvery = 2000;
  readonly readsEarly = false;
  readonly #containers: Containers;
  readonly #workspace: Workspace;

  constructor({ containers, workspace }: { containers: Containers; workspace: Workspace }) {
    this.#containers = containers;
    this.#workspace = workspace;
  }

  async directories(): Promise<null> {
    return null;
  }

  async prepare(): Promise<void> {
    // The volume comes with the container.
  }

  async deliver(container: Container, place: Placement, files: readonly InputFile[]): Promise<void> {
    const writer = place.contract === "files" ? place.user : root;
    await this.#containers.put(container, volumeTarget, await packInputs(place.id, files, writer));
  }

  async findExcess(container: Container, _place: Placement, limits: Limits): Promise<string | null> {
    const measured = await this.#containers.runIn(container, measure);
    // It has just ended.
    if (measured === undefined) return null;
    const { exitCode, output } = measured;
    if (exitCode === 0 && output === "") return null;
    const [bytes = Number.NaN, entries = Number.NaN] = output
      .split("\n")
      .map((line) => Number.parseInt(line, 10));
    if (exitCode !== 0 || Number.isNaN(bytes + entries)) {
      return "The outputs of the build cannot be measured.";
    }
    if (bytes > limits.outputBytes + entries * overheadOfOne) {
      return `The outputs of the build exceed ${limits.outputBytes} bytes.`;
    }
    // Directories are counted apart from files elsewhere: together they may be twice as many.
    if (entries > 2 * limits.outputFiles + 1) return `The build left more than ${limits.outputFiles} files.`;
    return null;
  }

  async collect(container: Container, _place: Placement, limits: Limits): Promise<Collected> {
    const most = limits.outputBytes + 2 * limits.outputFiles * overheadOfOne;
    const archive = await this.#containers.get(container, outputs);
    if (archive === undefined) {
      // So it is where somebody removed the container, too, which says nothing about the build: asking for that is a fault.
      await this.#containers.state(container);
      return { outputs: [], leftOut: [], excess: null };
    }
    return unpackOutputs(archive, most, limits);
  }

  /** All of it went with the container; but there may be directories from a time when they were mounted. */
  clear(id: string): Promise<void> {
    return this.#workspace.remove(id);
  }

  /** Found out by writing: nothing tells how full another machine's disk is. */
  async isFull(container: Container): Promise<boolean> {
    try {
      await this.#containers.put(container, volumeTarget, await packProbe(probeBytes));
      return false;
    } catch (error) {
      if (error instanceof Problem && /no space left|quota exceeded/i.test(String(error.cause))) return true;
      throw error;
    }
  }
}
