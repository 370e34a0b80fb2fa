import { setImmediate } from "node:timers/promises";
import type { Logger } from "pino";
import type { ArtifactStore, KeptArtifact } from "../store/artifacts.ts";
import type { BuildStore } from "../store/builds.ts";
import type { UseLog } from "./uses.ts";

/** What a cache may hold; 0 stands for no limit. */
export interface CacheLimits {
  bytes: number;
  count: number;
  /** Since it was last used. */
  milliseconds: number;
}

/** The limits of what is kept, each cache by itself. */
export interface KeepLimits {
  /** Zips of builds that succeeded. */
  firmware: CacheLimits;
  /** Zips of builds that failed: their logs. */
  failures: CacheLimits;
  /** Rows of builds whose zip is gone. */
  rows: Omit<CacheLimits, "bytes">;
}

/** An artifact, and when it was last asked for; published, when it never was. Milliseconds since 1970. */
export interface UsedArtifact extends KeptArtifact {
  used: number;
}

/** Time between two looks over what is kept, milliseconds. */
const interval = 60_000;

/** Outcomes that do not repeat themselves are fetched once, by whoever waited for them. Milliseconds. */
const onceFetched = 24 * 60 * 60 * 1000;

/** Whoever asked for an artifact so short a time ago may be fetching it just now. Milliseconds. */
const justUsed = 10 * 60 * 1000;

/** A name longer than by its key alone is that of an outcome which does not repeat itself. */
const ofItsOwn = /-[0-9a-f]{65,}_error\.zip$/;

/** Rows deleted at a time: that holds up the server. */
const rowsAtOnce = 500;

/**
 * Which artifacts are to go: outcomes that do not repeat themselves, after a day; then of each cache those least recently
 * used, until what stays keeps to its limits.
 * @param now milliseconds since 1970
 */
export function expired(
  artifacts: readonly UsedArtifact[],
  limits: Pick<KeepLimits, "firmware" | "failures">,
  now: number,
): UsedArtifact[] {
  const isOver = ({ name, published }: UsedArtifact) => ofItsOwn.test(name) && now - published > onceFetched;
  const rest = artifacts.filter((artifact) => !isOver(artifact));
  return [
    ...artifacts.filter(isOver),
    ...beyond(rest.filter(isFirmware), limits.firmware, now),
    ...beyond(
      rest.filter((artifact) => !isFirmware(artifact)),
      limits.failures,
      now,
    ),
  ];
}

function isFirmware({ name }: KeptArtifact): boolean {
  return !name.endsWith("_error.zip");
}

function beyond(artifacts: readonly UsedArtifact[], limits: CacheLimits, now: number): UsedArtifact[] {
  const gone: UsedArtifact[] = [];
  let count = artifacts.length;
  let bytes = sum(artifacts);
  for (const artifact of evictable(artifacts, now)) {
    const isOver = (value: number, limit: number) => limit > 0 && value > limit;
    const unused = now - artifact.used;
    if (!isOver(bytes, limits.bytes) && !isOver(count, limits.count) && !isOver(unused, limits.milliseconds))
      break;
    gone.push(artifact);
    bytes -= artifact.bytes;
    count--;
  }
  return gone;
}

/**
 * Which artifacts to give up for room on the disk, the least recently used first; none when all of them would not do.
 * @param now milliseconds since 1970
 */
export function sacrifice(
  artifacts: readonly UsedArtifact[],
  needed: { bytes: number; files: number },
  now: number,
): UsedArtifact[] {
  const gone: UsedArtifact[] = [];
  let bytes = 0;
  for (const artifact of evictable(artifacts, now)) {
    if (bytes >= needed.bytes && gone.length >= needed.files) return gone;
    gone.push(artifact);
    bytes += artifact.bytes;
  }
  return bytes >= needed.bytes && gone.length >= needed.files ? gone : [];
}

/** Those that nobody may be fetching just now, the least recently used first. */
function evictable(artifacts: readonly UsedArtifact[], now: number): UsedArtifact[] {
  return artifacts.filter(({ used }) => now - used >= justUsed).sort((a, b) => a.used - b.used);
}

function sum(artifacts: readonly KeptArtifact[]): number {
  return artifacts.reduce((bytes, artifact) => bytes + artifact.bytes, 0);
}

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
