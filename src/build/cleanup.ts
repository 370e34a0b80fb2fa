import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { removeTree } from "../runner/remove.ts";
import { walk } from "../runner/walk.ts";
import { idPattern } from "../runner/workspace.ts";
import type { KeptArtifact } from "../store/artifacts.ts";
import { errorCode } from "../store/faults.ts";
import { expired, type KeepLimits, type UsedArtifact } from "./expiry.ts";
import { deleteRows, discard, expiredRows, type Keepers, usedArtifacts } from "./retention.ts";

/** A directory a build left behind. */
export interface DeadDirectory {
  path: string;
  bytes: number;
}

/** What is to go, and nothing else. */
export interface CleanupPlan {
  /** Artifacts beyond the limits. */
  expired: UsedArtifact[];
  /** Artifacts that no build names. */
  strays: KeptArtifact[];
  /** Artifacts that were never finished. */
  unfinished: KeptArtifact[];
  /** Artifacts that builds name and that are not there. */
  missing: string[];
  /** Rows beyond the limits. */
  rows: number;
  directories: DeadDirectory[];
  /** What was not looked at, and why. */
  notes: string[];
}

export interface CleanupParts extends Keepers {
  limits: KeepLimits;
  /** Directories of build inputs and outputs. */
  workspaces: readonly string[];
  /** The ids of builds that have a container. @throws Error when that cannot be found out */
  buildsInContainers(): Promise<ReadonlySet<string>>;
}

/** What is younger may be somebody's at this moment: being written, or not noted yet. Milliseconds. */
const young = 10 * 60 * 1000;

/**
 * Finds what can go. A server may run: what it works on is known by its row, its container, or its age.
 * @param now milliseconds since 1970
 */
export async function planCleanup(parts: CleanupParts, now: number): Promise<CleanupPlan> {
  const { artifacts, builds, limits } = parts;
  const named = builds.uses();
  const kept = await usedArtifacts(parts);
  const present = new Set(kept.map(({ name }) => name));
  const isOld = ({ published }: KeptArtifact) => now - published >= young;
  const strays = kept.filter((artifact) => !named.has(artifact.name) && isOld(artifact));
  const known = kept.filter(({ name }) => named.has(name));
  const notes: string[] = [];
  return {
    expired: expired(known, limits, now),
    strays,
    unfinished: (await artifacts.unfinished()).filter(isOld),
    missing: [...named.keys()].filter((name) => !present.has(name)),
    rows: expiredRows(builds, limits.rows, now),
    directories: await findDead(parts, now, notes),
    notes,
  };
}

/** Removes what a plan names; adds to its notes what could not be removed. */
export async function carryOut(plan: CleanupPlan, parts: CleanupParts): Promise<void> {
  const { artifacts, builds } = parts;
  await discard(parts, [...plan.expired, ...plan.strays]);
  for (const { name } of plan.unfinished) await artifacts.removeUnfinished(name);
  // It may have been built again since.
  for (const name of plan.missing) if (!(await artifacts.find(name))) builds.forget(name);
  await deleteRows(builds, plan.rows);
  for (const directory of plan.directories) {
    try {
      await removeTree(directory.path);
    } catch (error) {
      if (!/^(EACCES|EPERM)$/.test(errorCode(error))) throw error;
      plan.notes.push(`${directory.path} belongs to another user; the server removes it at its next start`);
      directory.bytes = 0;
    }
  }
}

async function findDead(parts: CleanupParts, now: number, notes: string[]): Promise<DeadDirectory[]> {
  const { builds, workspaces } = parts;
  let inContainers: ReadonlySet<string>;
  try {
    inContainers = await parts.buildsInContainers();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    notes.push(`the directories of builds are left alone, as any may be in use: ${why}`);
    return [];
  }
  const open = builds.interrupted().map(({ id }) => id);
  const isLive = (id: string) => inContainers.has(id) || open.some((build) => id.startsWith(build));
  const dead: DeadDirectory[] = [];
  for (const workspace of new Set(workspaces)) {
    for (const id of await directoriesIn(workspace)) {
      const path = join(workspace, id);
      const age = await ageOf(path, now);
      if (!isLive(id) && age !== undefined && age >= young) dead.push({ path, bytes: await sizeOf(path) });
    }
  }
  return dead;
}

async function directoriesIn(workspace: string): Promise<string[]> {
  try {
    const entries = await readdir(workspace, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory() && idPattern.test(entry.name))
      .map(({ name }) => name);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** Milliseconds since anything was made or removed in a directory; undefined: it is gone. */
async function ageOf(path: string, now: number): Promise<number | undefined> {
  try {
    return now - (await stat(path)).mtimeMs;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function sizeOf(path: string): Promise<number> {
  let bytes = 0;
  for await (const { size } of walk(path)) bytes += size;
  return bytes;
}
