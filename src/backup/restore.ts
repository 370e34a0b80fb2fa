import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { ArtifactStore } from "../store/artifacts.ts";
import { lockDirectory } from "../store/lock.ts";
import { ownerOf } from "./ownership.ts";
import { Preparation } from "./preparation.ts";
import { asidePrefix, decide, isState, preparationName, settle } from "./swap.ts";
import { unpackBackup } from "./unpack.ts";

export interface RestoreOrder {
  /** Directory of the databases; need not be there. */
  data: string;
  /** Directory of the operator's own layouts; likewise. */
  layouts: string;
  /** Directory of the artifacts; likewise. */
  artifactDirectory: string;
  artifacts: ArtifactStore;
  /** Whether it may take the place of what is there. */
  replace: boolean;
  signal: AbortSignal;
  onProgress(line: string): void;
}

export interface RestoreSummary {
  /** When the backup was made, UTC. */
  created: string;
  builds: number;
  /** Builds' artifacts that are here now, from the backup or from before. */
  artifacts: number;
  /** Those that are not: their builds run again when somebody asks for them. */
  missing: number;
  /** Where the state before is kept; undefined when there was none. */
  aside: string | undefined;
}

/**
 * Restores a backup: unpacks it beside what is there, checks all of it, and then decides by one rename that it counts. Until
 * then, whatever fails, databases, layouts and artifacts stay as they are; from then on whoever comes next, the server's start
 * too, carries it through.
 * @throws Error for the operator
 */
export async function restore(source: Readable, order: RestoreOrder): Promise<RestoreSummary> {
  const { data, artifactDirectory } = order;
  await mkdir(data, { recursive: true });
  await mkdir(artifactDirectory, { recursive: true });
  const lock = lockDirectory(data, `a server uses ${data}; stop it first`);
  try {
    await settle(data);
    await order.artifacts.sweep();
    await assertReplaceable(order);
    return await unpackAndReplace(source, order);
  } finally {
    lock.release();
  }
}

async function assertReplaceable({ data, replace }: RestoreOrder): Promise<void> {
  const state = (await readdir(data)).filter((name) => isState(name) && !name.includes("-"));
  if (replace || state.length === 0) return;
  throw new Error(`${data} holds ${state.join(", ")}; --force moves them aside`);
}

async function unpackAndReplace(source: Readable, order: RestoreOrder): Promise<RestoreSummary> {
  const { data, signal, onProgress } = order;
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const owner = await ownerOf(data);
  const preparation = new Preparation({ ...order, root: join(data, preparationName(stamp)), owner });
  try {
    onProgress("unpacking and checking");
    const manifest = await unpackBackup(source, signal, (path) => preparation.placeFor(path));
    const counts = await preparation.complete(manifest);
    signal.throwIfAborted();
    onProgress("putting it in force");
    const aside = join(data, `${asidePrefix}${stamp}`);
    await preparation.arrange({ layouts: order.layouts, aside });
    await decide(data, preparation.state, stamp);
    preparation.handOver();
    await settle(data);
    return { ...counts, created: manifest.created, aside: existsSync(aside) ? aside : undefined };
  } finally {
    await preparation.discard();
  }
}
