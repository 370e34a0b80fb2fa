import { createWriteStream, existsSync } from "node:fs";
import { link, lstat, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Writable } from "node:stream";
import type { SyncedLayouts } from "../layout/synced.ts";
import type { ArtifactStore } from "../store/artifacts.ts";
import { syncPath } from "../store/durable.ts";
import { errorCode } from "../store/faults.ts";
import { isHeld, lockDirectory } from "../store/lock.ts";
import { CopiedBuilds, copyDatabases, databasesIn } from "../store/snapshot.ts";
import { type ArchiveWriter, writeArchive } from "./archive.ts";
import { findLayouts } from "./contents.ts";
import { type Member, manifestName, places, printManifest } from "./manifest.ts";
import { isUnsettled } from "./swap.ts";

/** What a backup is made of. */
export interface BackupSources {
  /** Directory of the databases. */
  data: string;
  /** Directory of the operator's own layouts. */
  layouts: string;
  synced: SyncedLayouts;
  artifacts: ArtifactStore;
}

export interface BackupOrder extends BackupSources {
  withArtifacts: boolean;
  signal: AbortSignal;
  onProgress(line: string): void;
}

/** What was written. */
export interface BackupSummary {
  builds: number;
  artifacts: number;
  files: number;
  /** Of all files, before they were compressed. */
  bytes: number;
}

const buildsName = "builds.db";
const workPrefix = ".kiisrv-backup-";

/**
 * Writes a backup to a file that appears when it is whole, and is its owner's alone.
 * @param replace whether it may take the place of one that is there
 * @throws Error for the operator; nothing is left behind then
 */
export async function backUpToFile(
  order: BackupOrder,
  file: string,
  replace: boolean,
): Promise<BackupSummary> {
  const place = dirname(resolve(file));
  if (!replace && existsSync(file)) throw thereAlready(file);
  return inWorkDirectory(place, async (work) => {
    const unfinished = join(work, "backup");
    const target = createWriteStream(unfinished, { mode: 0o600, flags: "wx", flush: true });
    const summary = await writeBackup(order, work, target);
    if (replace) await rename(unfinished, file);
    else await nameIfFree(unfinished, file);
    await syncPath(place);
    return summary;
  });
}

/** Gives a file its name, if nobody else took that while the backup was made. */
async function nameIfFree(unfinished: string, file: string): Promise<void> {
  try {
    await link(unfinished, file);
  } catch (error) {
    if (errorCode(error) === "EEXIST") throw thereAlready(file);
    if (!noLinks.has(errorCode(error))) throw error;
    await reserve(file);
    await rename(unfinished, file);
  }
}

/** What file systems say that know no second name for a file, as those of USB sticks. */
const noLinks = new Set(["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"]);

async function reserve(file: string): Promise<void> {
  try {
    await writeFile(file, "", { flag: "wx", mode: 0o600 });
  } catch (error) {
    throw errorCode(error) === "EEXIST" ? thereAlready(file) : error;
  }
}

function thereAlready(file: string): Error {
  return new Error(`${file} is there already; --force replaces it`);
}

/** Writes a backup to a stream. @param place directory with room for a copy of the databases */
export function backUpToStream(order: BackupOrder, target: Writable, place: string): Promise<BackupSummary> {
  return inWorkDirectory(place, (work) => writeBackup(order, work, target));
}

/**
 * The databases are copied first, as they are at one moment; then come the artifacts that the copy names. One that was
 * deleted or replaced in between is struck from the copy, so that no row of a backup with artifacts lacks its own.
 */
async function writeBackup(order: BackupOrder, work: string, target: Writable): Promise<BackupSummary> {
  const { data, layouts, synced, withArtifacts, signal, onProgress } = order;
  const names = databasesIn(data);
  if (existsSync(data) && (await isUnsettled(data))) {
    throw new Error(
      `a restore to ${data} was broken off half way; start the server, which carries it through`,
    );
  }
  if (!names.includes(buildsName)) {
    throw new Error(`${data} holds no ${buildsName}: there is nothing to back up`);
  }
  const created = new Date().toISOString();
  onProgress(`copying ${names.join(", ")}`);
  await copyDatabases(data, names, work, signal);
  const library = await findLayouts(layouts, synced);
  const members: Member[] = [];
  const summary = { builds: 0, artifacts: 0 };
  await writeArchive(target, signal, async (writer) => {
    const builds = new CopiedBuilds(join(work, buildsName));
    try {
      summary.builds = builds.count();
      if (withArtifacts) members.push(...(await addArtifacts(writer, builds, order)));
      summary.artifacts = members.length;
    } finally {
      builds.close();
    }
    for (const { path, file } of library.files) members.push(await writer.addFile(path, file));
    for (const name of names) {
      onProgress(`adding ${name}`);
      members.push(await writer.addFile(`${places.databases}${name}`, join(work, name)));
    }
    const { aliases, synced: current } = library;
    const manifest = {
      format: 1,
      created,
      artifacts: withArtifacts,
      synced: current,
      aliases,
      members,
    } as const;
    await writer.addBytes(manifestName, printManifest(manifest));
  });
  const bytes = members.reduce((sum, member) => sum + member.bytes, 0);
  return { ...summary, files: members.length, bytes };
}

/** How many artifacts make a line of progress. */
const artifactsPerLine = 1000;

async function addArtifacts(
  writer: ArchiveWriter,
  builds: CopiedBuilds,
  { artifacts, onProgress }: BackupOrder,
): Promise<Member[]> {
  const wanted = builds.artifacts();
  const members: Member[] = [];
  const gone: string[] = [];
  for (const [index, { name, sha256 }] of wanted.entries()) {
    if (index % artifactsPerLine === 0) onProgress(`adding artifacts: ${index} of ${wanted.length}`);
    const member = await addArtifact(writer, name, artifacts);
    if (member) members.push(member);
    if (member?.sha256 !== sha256) gone.push(name);
  }
  builds.forget(gone);
  return members;
}

/** @returns undefined for one that was deleted meanwhile */
async function addArtifact(
  writer: ArchiveWriter,
  name: string,
  artifacts: ArtifactStore,
): Promise<Member | undefined> {
  const found = await artifacts.find(name);
  if (!found) return undefined;
  try {
    return await writer.addFile(`${places.artifacts}${name}`, found.path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Has work done in a new directory, which goes away with it; those that killed backups left there go, too. */
async function inWorkDirectory<Result>(
  place: string,
  work: (directory: string) => Promise<Result>,
): Promise<Result> {
  await removeLeftovers(place);
  const directory = await mkdtemp(join(place, workPrefix));
  try {
    const lock = lockDirectory(directory);
    try {
      return await work(directory);
    } finally {
      lock.release();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Whoever works in such a directory holds its lock; the system drops that with the process. What is another user's, or
 * no directory at all, stays: it is in nobody's way.
 */
async function removeLeftovers(place: string): Promise<void> {
  for (const name of await readdir(place)) {
    const directory = join(place, name);
    if (!name.startsWith(workPrefix) || !(await isOwn(directory)) || isHeld(directory)) continue;
    await rm(directory, { recursive: true, force: true });
  }
}

async function isOwn(path: string): Promise<boolean> {
  try {
    const found = await lstat(path);
    return found.isDirectory() && found.uid === process.getuid?.();
  } catch (error) {
    // Another backup may have removed it.
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}
