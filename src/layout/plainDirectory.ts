import { existsSync } from "node:fs";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { UpstreamEntry } from "./upstreamFolder.ts";

/** The layouts of a directory that is no repository: those of its folder `layouts`, if it has one. */
export async function readPlainDirectory(directory: string): Promise<UpstreamEntry[]> {
  const inner = join(directory, "layouts");
  const folder = existsSync(inner) ? inner : directory;
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
  return Promise.all(names.map((name) => openEntry(folder, name)));
}

async function openEntry(folder: string, name: string): Promise<UpstreamEntry> {
  const path = join(folder, name);
  const stat = await lstat(path);
  const read = async () => (stat.isSymbolicLink() ? Buffer.from(await readlink(path)) : readFile(path));
  const kind = stat.isSymbolicLink() ? "link" : stat.isFile() ? "file" : "other";
  return { name, kind, bytes: stat.size, read };
}
