import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { userInfo } from "node:os";
import { promisify } from "node:util";
import type { ProcessFacts } from "../facts.ts";

/** Looks at the process it runs in. */
export async function lookAtProcess(signal: AbortSignal): Promise<ProcessFacts> {
  const gid = process.getegid?.() ?? 0;
  const [limits, cgroup, git] = await Promise.all([
    readFile("/proc/self/limits", "utf8").catch(unknown),
    readFile("/proc/1/cgroup", "utf8").catch(unknown),
    gitVersion(signal),
  ]);
  return {
    uid: process.geteuid?.() ?? 0,
    gid,
    groups: [...new Set([gid, ...(process.getgroups?.() ?? [])])],
    user: userName(),
    inContainer:
      existsSync("/.dockerenv") || existsSync("/run/.containerenv") || /docker|libpod/.test(cgroup),
    openFiles: openFileLimit(limits),
    node: process.version,
    git,
  };
}

/** The soft limit on open files in the text of `/proc/self/limits`; null: none, or it does not say. */
export function openFileLimit(limits: string): number | null {
  const found = /^Max open files\s+(\d+)\s/m.exec(limits)?.[1];
  return found === undefined ? null : Number(found);
}

/** A system without `/proc` tells nothing. */
function unknown(): string {
  return "";
}

function userName(): string | null {
  try {
    return userInfo().username;
  } catch (error) {
    // A user id that no table of users knows.
    if (error instanceof Error && "code" in error) return null;
    throw error;
  }
}

async function gitVersion(signal: AbortSignal): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)("git", ["--version"], { signal });
    return stdout.trim();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
