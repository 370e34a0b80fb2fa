import { chmod, mkdir, open, readdir, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type LayoutsSource, syncedNames } from "./synced.ts";
import type { CheckedFolder } from "./upstreamFolder.ts";

/** How the name of a library that is being made begins. */
export const unfinished = ".new-";
const nextLink = ".next";

/** Writes a library into a directory of its own, through to the disk. */
export async function writeLibrary(
  work: string,
  { files, aliases }: CheckedFolder,
  source: LayoutsSource,
): Promise<void> {
  const shelf = join(work, syncedNames.files);
  await mkdir(shelf);
  for (const [name, bytes] of files) await writeFile(join(shelf, name), bytes, { flush: true });
  for (const [alias, target] of aliases) await symlink(target, join(shelf, alias));
  await writeFile(join(work, syncedNames.source), `${JSON.stringify(source, null, 2)}\n`, { flush: true });
  // A directory for temporary files is its maker's alone; the server may be somebody else.
  await chmod(work, 0o755);
  await flushDirectory(shelf);
  await flushDirectory(work);
}

/** Gives a library its name and has the link `current` lead to it, from one moment to the next. */
export async function putInForce(place: string, work: string, label: string): Promise<void> {
  const name = `${label}-${work.slice(-6)}`;
  await rename(work, join(place, name));
  await symlink(name, join(place, nextLink));
  await rename(join(place, nextLink), join(place, syncedNames.current));
  await flushDirectory(place);
}

/** Removes what former syncs left, but for the library in force. */
export async function removeOld(place: string): Promise<void> {
  const names = await readdir(place);
  const kept = names.includes(syncedNames.current) ? await readlink(join(place, syncedNames.current)) : "";
  const ours = names.filter((name) => name === nextLink || name.startsWith(unfinished) || library.test(name));
  for (const name of ours) {
    if (name !== kept) await rm(join(place, name), { recursive: true, force: true, maxRetries: 3 });
  }
}

/** The name of a library that was finished. */
const library = /^(?:[0-9a-f]{12}|directory)-[A-Za-z0-9]{6}$/;

async function flushDirectory(path: string): Promise<void> {
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
