import { readdirSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** A plain file name: no directory, nothing hidden. */
export const layoutFileName = /^[A-Za-z0-9_-][A-Za-z0-9._ -]{0,199}\.json$/;

/** Files larger than this are no layouts, bytes; the largest known has 150 kB. */
export const maxLayoutBytes = 10 * 1024 * 1024;

/** A layout file, with its alias followed. */
export interface ShelvedFile {
  path: string;
  bytes: number;
  /** Another one whenever the file is changed or replaced. */
  stamp: string;
}

/** @returns a path's links followed; undefined when it is not there */
export function realPath(path: string): string | undefined {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** The names of a directory that `findFile` has, not sorted. */
export function listFiles(directory: string): string[] {
  return readdirSync(directory).filter((name) => findFile(directory, name) !== undefined);
}

/**
 * Follows an alias, but never out of the directory.
 * @param directory its real path
 * @returns undefined for what is not there, or is no file that may be served
 */
export function findFile(directory: string, name: string): ShelvedFile | undefined {
  if (!layoutFileName.test(name)) return undefined;
  const stat = statFile(join(directory, name));
  if (!stat?.isFile() || stat.size > maxLayoutBytes) return undefined;
  const path = realpathSync.native(join(directory, name));
  if (dirname(path) !== directory || !layoutFileName.test(basename(path))) return undefined;
  return {
    path,
    bytes: stat.size,
    stamp: `${path} ${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}`,
  };
}

/** @returns undefined for what is not there, and for a link that leads round to itself */
function statFile(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ELOOP") return undefined;
    throw error;
  }
}
