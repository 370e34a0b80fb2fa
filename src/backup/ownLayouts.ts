import { copyFile, lstat, mkdir, readdir, readFile, readlink, rm, symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { syncPath } from "../store/durable.ts";
import { errorCode } from "../store/faults.ts";
import { giveTo, type Owner } from "./ownership.ts";
import type { Replacement } from "./replacements.ts";

export interface LayoutMove {
  /** Directory of the layouts of a backup: files, and aliases as links. */
  from: string;
  /** The operator's directory. It may be a mount or hold files of its own, so it is not replaced as a whole. */
  to: string;
  /** Those that are there and differ go below this directory. */
  aside: string;
  owner: Owner | undefined;
}

const unfinished = ".kiisrv-restored";

/**
 * Writes the operator's own layouts beside where they belong. What is there and is the same stays untouched, so that a
 * directory which cannot be written does no harm as long as nothing of it was lost.
 * @param onWaiting told of each, before it is written
 * @throws Error for the operator when it would have to be written and cannot be
 */
export async function prepareLayouts(
  move: LayoutMove,
  onWaiting: (replacement: Replacement) => void,
): Promise<void> {
  for (const name of await namesIn(move.from)) {
    try {
      await prepareLayout(name, move, onWaiting);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(
        `the layout ${name} cannot be written to ${move.to}: ${message}; make it writable, or name another directory by KIISRV_LAYOUTS`,
        { cause: error },
      );
    }
  }
}

async function prepareLayout(
  name: string,
  { from, to, aside, owner }: LayoutMove,
  onWaiting: (replacement: Replacement) => void,
): Promise<void> {
  const [fresh, place] = [join(from, name), resolve(to, name)];
  const [is, was] = await Promise.all([contentOf(fresh), contentOf(place)]);
  if (was === is) return;
  await mkdir(to, { recursive: true });
  const beside = `${place}${unfinished}`;
  const keep = was === undefined ? {} : { keep: resolve(aside, "own-layouts", name) };
  onWaiting({ from: beside, to: place, ...keep });
  await put(fresh, beside, owner);
}

/** Onto another file system, it may be; from there to its place it is a rename. */
async function put(fresh: string, beside: string, owner: Owner | undefined): Promise<void> {
  await rm(beside, { force: true });
  if ((await lstat(fresh)).isSymbolicLink()) {
    await symlink(await readlink(fresh), beside);
  } else {
    await copyFile(fresh, beside);
    await syncPath(beside);
  }
  await giveTo(owner, beside);
}

/** What tells a layout from another one of its name; undefined: there is none. */
async function contentOf(path: string): Promise<string | undefined> {
  try {
    if ((await lstat(path)).isSymbolicLink()) return `alias ${await readlink(path)}`;
    return `file ${await readFile(path, "latin1")}`;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
