import type { Dirent, Stats } from "node:fs";
import { lstat, opendir } from "node:fs/promises";

/** What stands in a directory a hostile build wrote; `hidden` is a directory that cannot be looked into. */
export type EntryKind = "file" | "directory" | "link" | "special" | "hidden";

export interface Entry {
  kind: EntryKind;
  /** Path below the root, as bytes: nothing says that a name is UTF-8. */
  name: Buffer;
  path: Buffer;
  /** Bytes of a file by its length, not by what it takes on disk (sparse files count in full); else 0. */
  size: number;
}

/** A directory still to be looked into. */
interface Place {
  name: Buffer;
  path: Buffer;
  depth: number;
}

/** No toolchain nests its outputs deeper; a hostile one could nest beyond what a path can say. */
const deepest = 16;

const slash = Buffer.from("/");

/**
 * Every entry below `root`, links never followed, one directory after another and none held in memory whole.
 * The tree may change meanwhile (the build may still run): what vanishes in between is left out.
 */
export async function* walk(root: string): AsyncGenerator<Entry> {
  const waiting: Place[] = [{ name: Buffer.alloc(0), path: Buffer.from(root), depth: 0 }];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const children = await look(at.path);
    if (children === "unreadable") yield { kind: "hidden", name: at.name, path: at.path, size: 0 };
    if (typeof children === "string") continue;
    for await (const child of children) {
      const entry = await describe(at, child);
      if (entry === undefined) continue;
      if (entry.kind === "directory") {
        if (at.depth + 1 < deepest) waiting.push({ ...entry, depth: at.depth + 1 });
        else entry.kind = "hidden";
      }
      yield entry;
    }
  }
}

async function look(path: Buffer) {
  try {
    // Latin-1 maps each byte to one character: the only way to get any name back as it is.
    return await opendir(path, { encoding: "latin1" });
  } catch (error) {
    if (isCode(error, "EACCES", "EPERM")) return "unreadable";
    if (isCode(error, ...vanished)) return "vanished";
    throw error;
  }
}

async function describe(parent: Place, child: Dirent): Promise<Entry | undefined> {
  const last = Buffer.from(child.name, "latin1");
  const name = parent.name.length === 0 ? last : Buffer.concat([parent.name, slash, last]);
  const path = Buffer.concat([parent.path, slash, last]);
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
