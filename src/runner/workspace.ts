import { chown, mkdir, readdir, statfs, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Problem } from "../errors.ts";
import type { InputFile } from "../spec/spec.ts";
import type { User } from "./container.ts";
import { asDaemonSees, type Mount } from "./ownMounts.ts";
import { removeTree } from "./remove.ts";
import { together } from "./together.ts";
import { isCode } from "./walk.ts";

/** Where builds' inputs and outputs are put, as this process sees it and as the daemon does. */
export interface RunnerDirectories {
  tmpConfig: string;
  tmpBuilds: string;
  /** Left out or empty: where the daemon has what is mounted there, if we run in a container of it; otherwise the same. */
  hostTmpConfig?: string;
  /** Likewise. */
  hostTmpBuilds?: string;
}

/**
 * What a build's id may look like. It holds a UUID: by that its directories, which are removed when nobody owns them, are
 * known from anything else that may lie beside them (the databases, say, where an operator put all in one place).
 */
export const idPattern = /^(?=.*[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})[a-z0-9][a-z0-9-]*$/;

/** Less free space than this after a failed build: the disk failed, not the compiler. */
const nearlyFull = 4 * 1024 * 1024;

/** The two directories each build has: its inputs and its outputs. */
export class Workspace {
  readonly #config: string;
  readonly #builds: string;
  readonly #hostConfig: string;
  readonly #hostBuilds: string;

  constructor(directories: RunnerDirectories) {
    this.#config = resolve(directories.tmpConfig);
    this.#builds = resolve(directories.tmpBuilds);
    this.#hostConfig = directories.hostTmpConfig ?? "";
    this.#hostBuilds = directories.hostTmpBuilds ?? "";
  }

  /** Where this process reads a build's outputs. */
  outputs(id: string): string {
    return join(this.#builds, id);
  }

  /** The build's two directories as the daemon sees them, which mounted these into our container. */
  hostPaths(id: string, mounts: readonly Mount[]): { inputs: string; outputs: string } {
    return {
      inputs: join(this.#hostConfig || asDaemonSees(this.#config, mounts), id),
      outputs: join(this.#hostBuilds || asDaemonSees(this.#builds, mounts), id),
    };
  }

  /**
   * Makes both directories. Nobody but the owner may enter, so that whatever a build leaves
   * (a set-user-id file, say) is out of reach of others on this machine.
   * @param user to own it all; null: it stays ours
   * @throws Problem `storage-failed` when the disk is full or broken
   */
  async prepare(id: string, user: User | null): Promise<void> {
    await stored(async () => {
      await Promise.all([this.#config, this.#builds].map((path) => mkdir(path, { recursive: true })));
      // One after another: if one fails, nothing is still being written when all is removed.
      for (const path of [join(this.#config, id), join(this.#builds, id)]) {
        await mkdir(path, { mode: 0o700 });
        await own(path, user);
      }
    });
  }

  /** Writes inputs into a directory that was prepared; likewise. */
  async addInputs(id: string, files: readonly InputFile[], user: User | null): Promise<void> {
    await stored(async () => {
      const writes = files.map(async ({ name, text }) => {
        const path = join(this.#config, id, plainName(name));
        await writeFile(path, text, { mode: 0o644, flag: "wx" });
        await own(path, user);
      });
      await together(writes);
    });
  }

  /** Makes those of both directories that are missing, as a mount needs something to mount. */
  async restore(id: string): Promise<void> {
    await mkdir(join(this.#config, id), { recursive: true });
    await mkdir(join(this.#builds, id), { recursive: true });
  }

  /** Removes both directories; only once nothing runs in them any more. */
  async remove(id: string): Promise<void> {
    await removeTree(join(this.#config, id));
    await removeTree(join(this.#builds, id));
  }

  /** The ids of all builds that have a directory here, whoever left it. */
  async ids(): Promise<string[]> {
    const lists = await Promise.all([this.#config, this.#builds].map(directoriesIn));
    return [...new Set(lists.flat())].filter((name) => idPattern.test(name));
  }

  /** Whether the outputs' file system has run out of space, or of room for one more file. */
  async isFull(): Promise<boolean> {
    const { bavail, bsize, files, ffree } = await statfs(this.#builds);
    return bavail * bsize < nearlyFull || (files > 0 && ffree === 0);
  }
}

async function own(path: string, user: User | null): Promise<void> {
  if (user !== null) await chown(path, user.uid, user.gid);
}

async function stored(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isCode(error, "ENOSPC", "EDQUOT", "EROFS", "EIO")) throw error;
    throw new Problem("storage-failed", "The build's inputs cannot be stored.", { cause: error });
  }
}

/** @throws RangeError for what could lead out of the directory: specs are made by us, so that is a bug */
export function plainName(name: string): string {
  if (name === "" || name === "." || name === ".." || /[\p{Cc}/\\]/u.test(name)) {
    throw new RangeError(`not a plain file name: ${JSON.stringify(name)}`);
  }
  return name;
}

async function directoriesIn(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    if (isCode(error, "ENOENT")) return [];
    throw error;
  }
}
