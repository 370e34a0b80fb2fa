import { setImmediate } from "node:timers/promises";
import type { Logger } from "pino";
import type { ArtifactStore, KeptArtifact } from "../store/artifacts.ts";
import type { BuildStore } from "../store/builds.ts";
import { expired, type KeepLimits, sacrifice, sum, type UsedArtifact } from "./expiry.ts";
import type { UseLog } from "./uses.ts";

/** Time between two looks over what is kept, milliseconds. */
const interval = 60_000;

/** Rows deleted at a time: that holds up the server. */
const rowsAtOnce = 500;

export interface Keepers {
  artifacts: ArtifactStore;
  builds: BuildStore;
}

/** All artifacts, each with its last use. */
export async function usedArtifacts({ artifacts, builds }: Keepers): Promise<UsedArtifact[]> {
  const kept = await artifacts.list();
  const uses = builds.uses();
  return kept.map((artifact) => ({
    ...artifact,
    used: Math.max(artifact.published, uses.get(artifact.name) ?? 0),
  }));
}

/** Deletes artifacts, and what the cache knows of them first: an answer never names one that is gone. */
export async function discard({ artifacts, builds }: Keepers, gone: readonly KeptArtifact[]): Promise<void> {
  for (const { name } of gone) {
    builds.forget(name);
    await artifacts.remove(name);
  }
}

/** How many rows are to go. @param now milliseconds since 1970 */
export function expiredRows(
  builds: BuildStore,
  { count, milliseconds }: KeepLimits["rows"],
  now: number,
): number {
  const tooMany = count === 0 ? 0 : builds.spent() - count;
  const tooOld = milliseconds === 0 ? 0 : builds.spentBefore(now - milliseconds);
  return Math.max(tooMany, tooOld, 0);
}

/** Deletes so many rows, those that ended first; others get their turn in between. */
export async function deleteRows(builds: BuildStore, count: number): Promise<void> {
  for (let left = count; left > 0; left -= rowsAtOnce) {
    builds.deleteSpent(Math.min(left, rowsAtOnce));
    await setImmediate();
  }
}

export interface RetentionParts extends Keepers {
  uses: UseLog;
  logger: Logger;
}

/** Keeps what is kept within its limits. What is deleted is built again when somebody asks for it. */
export class Retention {
  readonly #parts: RetentionParts;
  readonly #limits: KeepLimits;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: RetentionParts, limits: KeepLimits) {
    this.#parts = parts;
    this.#limits = limits;
  }

  /** Looks it over now and from then on; returns after the first time. Never rejects. */
  async start(): Promise<void> {
    await this.sweep();
    if (!this.#stopped) this.#timer = setTimeout(() => this.start(), interval).unref();
  }

  /** Ends what is under way; nothing touches the databases afterwards. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#sweeping;
    this.#parts.uses.flush();
  }

  /** Looks it over now. Never rejects. */
  sweep(): Promise<void> {
    return this.#alone(async (now) => {
      const { builds, logger } = this.#parts;
      const gone = expired(await usedArtifacts(this.#parts), this.#limits, now);
      await discard(this.#parts, gone);
      const rows = expiredRows(builds, this.#limits.rows, now);
      await deleteRows(builds, rows);
      if (gone.length + rows > 0)
        logger.info({ artifacts: gone.length, rows }, "deleted what is kept no longer");
    });
  }

  /** Gives up the least recently used artifacts for room on their disk, if they are enough. Never rejects. */
  makeRoom(needed: { bytes: number; files: number }): Promise<void> {
    return this.#alone(async (now) => {
      const gone = sacrifice(await usedArtifacts(this.#parts), needed, now);
      await discard(this.#parts, gone);
      if (gone.length > 0) {
        this.#parts.logger.warn(
          { artifacts: gone.length, bytes: sum(gone) },
          "deleted artifacts as the disk is full",
        );
      }
    });
  }

  /** One after another: what one deletes another must not count on. */
  #alone(work: (now: number) => Promise<void>): Promise<void> {
    const before = this.#sweeping ?? Promise.resolve();
    this.#sweeping = before.then(async () => {
      if (this.#stopped) return;
      try {
        this.#parts.uses.flush();
        await work(Date.now());
      } catch (error) {
        this.#parts.logger.warn({ err: error }, "what is kept no longer cannot be deleted");
      }
    });
    return this.#sweeping;
  }
}
