import { copyFile, lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../store/faults.ts";
import { giveTo, type Owner } from "./ownership.ts";

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
 * Puts the operator's own layouts where they belong. What is there and is the same stays untouched, so that a directory which
 * cannot be written does no harm as long as nothing of it was lost.
 * @throws Error for the operator when it would have to be written and cannot be
 */
export async function placeLayouts(move: LayoutMove): Promise<void> {
  for (const name of await namesIn(move.from)) {
    try {
      await placeLayout(name, move);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(
        `the layout ${name} cannot be written to ${move.to}: ${message}; make it writable, or name another directory by KIISRV_LAYOUTS`,
        { cause: error },
      );
    }
  }
}

async function placeLayout(name: string, { from, to, aside, owner }: LayoutMove): Promise<void> {
  const [fresh, place] = [join(from, name), join(to, name)];
  const [is, was] = await Promise.all([contentOf(fresh), contentOf(place)]);
  if (was === is) return;
  await mkdir(to, { recursive: true });
  if (was !== undefined) await keep(place, join(aside, "own-layouts"), name);
  await put(fresh, place, owner);
}

/** A copy, as the old one is served until the new one takes its place. */
async function keep(place: string, directory: string, name: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await copyFile(place, join(directory, name));
}

/** From one moment to the next, and from one file system to another. */
async function put(fresh: string, place: string, owner: Owner | undefined): Promise<void> {
  const beside = `${place}${unfinished}`;
  await rm(beside, { force: true });
  if ((await lstat(fresh)).isSymbolicLink()) await symlink(await readlink(fresh), beside);
  else await copyFile(fresh, beside);
  await giveTo(owner, beside);
  await rename(beside, place);
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
