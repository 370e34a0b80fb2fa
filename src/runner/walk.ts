import { constants, type Dirent, existsSync, type Stats } from "node:fs";
import { type FileHandle, lstat, open, opendir } from "node:fs/promises";

/** What stands in a directory a hostile build wrote; `hidden` is a directory that cannot be looked into. */
export type EntryKind = "file" | "directory" | "link" | "special" | "hidden";

export interface Entry {
  kind: EntryKind;
  /** Path below the root, as bytes: nothing says that a name is UTF-8. */
  name: Buffer;
  /** To open it by, as long as the walk stands there. */
  path: Buffer;
  /** Bytes of a file by its length, not by what it takes on disk (sparse files count in full); else 0. */
  size: number;
}

/** No toolchain nests its outputs deeper; a hostile one could nest beyond what a path can say. */
const deepest = 16;

const slash = Buffer.from("/");
const descriptors = "/proc/self/fd";

/**
 * Whether a walk is safe where a build still runs. It is where paths can begin at an open directory: that stays the same
 * one when its name is given to a link to somewhere else.
 */
export const walksAnchored = existsSync(descriptors);

/**
 * Every entry below `root`, links never followed, and no directory held in memory whole.
 * The tree may change meanwhile (the build may still run): what vanishes in between is left out.
 */
export async function* walk(root: string): AsyncGenerator<Entry> {
  yield* walkBelow({ name: Buffer.alloc(0), path: Buffer.from(root), kind: "directory", size: 0 }, 0);
}

async function* walkBelow(at: Entry, depth: number): AsyncGenerator<Entry> {
  const entered = await enter(at.path);
  if (entered === "unreadable") yield { ...at, kind: "hidden" };
  if (typeof entered === "string") return;
  await using directory = entered;
  const anchor = anchorOf(directory, at.path);
  // Latin-1 maps each byte to one character: the only way to get any name back as it is.
  for await (const child of await opendir(anchor, { encoding: "latin1" })) {
    const entry = await describe(at.name, anchor, child);
    if (entry === undefined) continue;
    if (entry.kind === "directory" && depth + 1 === deepest) entry.kind = "hidden";
    yield entry;
    if (entry.kind === "directory") yield* walkBelow(entry, depth + 1);
  }
}

/** A path to an open directory that stays its path, whatever becomes of its name. */
export function anchorOf(directory: FileHandle, path: Buffer): Buffer {
  return walksAnchored ? Buffer.from(`${descriptors}/${directory.fd}`) : path;
}

async function enter(path: Buffer): Promise<FileHandle | "unreadable" | "vanished"> {
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
  try {
    return await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (isCode(error, "EACCES", "EPERM")) return "unreadable";
    if (isCode(error, ...vanished)) return "vanished";
    throw error;
  }
}

async function describe(parent: Buffer, anchor: Buffer, child: Dirent): Promise<Entry | undefined> {
  const last = Buffer.from(child.name, "latin1");
  const name = parent.length === 0 ? last : Buffer.concat([parent, slash, last]);
  const path = Buffer.concat([anchor, slash, last]);
  try {
    const stats = await lstat(path);
    return { kind: kindOf(stats), name, path, size: stats.isFile() ? stats.size : 0 };
  } catch (error) {
    if (isCode(error, ...vanished)) return undefined;
    if (isCode(error, "EACCES", "EPERM")) return { kind: "hidden", name, path, size: 0 };
    throw error;
  }
}

const vanished = ["ENOENT", "ENOTDIR", "ELOOP"];

function kindOf(stats: Stats): EntryKind {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  return stats.isSymbolicLink() ? "link" : "special";
}

export function isCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.some((code) => code === error.code);
}
