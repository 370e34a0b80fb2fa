import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { syncPath } from "../store/durable.ts";
import { isDatabaseName } from "../store/snapshot.ts";
import { carryOutReplacements } from "./replacements.ts";

/**
 * How the state of a data directory is replaced as a whole, though it may be a mount and is many files: the new state is
 * prepared in a directory within, and one rename (`ready-`) decides that it counts. From then on whoever comes next carries
 * it through, from wherever a crash broke it off: the old is moved aside, files that wait elsewhere take their places, a second
 * rename (`moving-`) says that nothing old is left, the new is moved into its place.
 */
const ready = ".restore-ready-";
const moving = ".restore-moving-";
const preparing = ".restore-new-";

/** Where the state before a restore is kept. */
export const asidePrefix = "before-restore-";

/** The directory in which a new state is made ready. */
export function preparationName(stamp: string): string {
  return `${preparing}${stamp}`;
}

/**
 * Decides that a state counts; `settle` puts it in force. The caller must be alone in the data directory.
 * @param state directory of the new state's files, complete, on the file system of `data`
 * @param stamp tells this restore from others
 */
export async function decide(data: string, state: string, stamp: string): Promise<void> {
  await syncPath(state);
  await rename(state, join(data, `${ready}${stamp}`));
}

/**
 * Carries through what a restore that was killed had decided, and removes what it had not. The caller must be alone in the
 * data directory, with no database of it open.
 */
export async function settle(data: string): Promise<void> {
  for (const name of await readdir(data)) {
    if (name.startsWith(preparing)) await rm(join(data, name), { recursive: true, force: true });
    if (name.startsWith(ready)) await moveAside(data, name.slice(ready.length));
  }
  for (const name of await readdir(data)) {
    if (name.startsWith(moving)) await moveIn(data, name);
  }
}

/** Whether a restore was killed half way through. */
export async function isUnsettled(data: string): Promise<boolean> {
  return (await readdir(data)).some((name) => name.startsWith(ready) || name.startsWith(moving));
}

/** Whether a restore is under way, or was killed: nothing of the state is anybody else's to touch until it is over. */
export async function isRestoring(data: string): Promise<boolean> {
  return (await readdir(data)).some((name) =>
    [preparing, ready, moving].some((mark) => name.startsWith(mark)),
  );
}

async function moveAside(data: string, stamp: string): Promise<void> {
  // The decision is on the disk before anything comes of it.
  await syncPath(data);
  const old = (await readdir(data)).filter(isState);
  const aside = join(data, `${asidePrefix}${stamp}`);
  if (old.length > 0) await mkdir(aside, { recursive: true, mode: 0o700 });
  for (const name of old) await rename(join(data, name), join(aside, name));
  await carryOutReplacements(join(data, `${ready}${stamp}`));
  await syncPath(data);
  await rename(join(data, `${ready}${stamp}`), join(data, `${moving}${stamp}`));
  await syncPath(data);
}

async function moveIn(data: string, from: string): Promise<void> {
  for (const name of await readdir(join(data, from))) await rename(join(data, from, name), join(data, name));
  await rm(join(data, from), { recursive: true });
  await syncPath(data);
}

/** What of a data directory a restore replaces. A database's write-ahead log belongs to it. */
export function isState(name: string): boolean {
  return name === "layouts" || isDatabaseName(name.replace(/-(?:wal|shm)$/, ""));
}
