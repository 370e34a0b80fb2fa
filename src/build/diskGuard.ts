import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { Problem } from "../errors.ts";
import type { FreeSpace } from "../store/disk.ts";

/** Says why no build may begin, or nothing. */
export interface Room {
  shortage(): Promise<Problem | undefined>;
}

/** What must stay free on each file system; 0: nothing is asked for. */
export interface MinimumFree {
  bytes: number;
  files: number;
}

/** A directory, by the name its operator knows it by. */
export interface Place {
  name: string;
  directory: string;
}

type Remedy = (missing: Shortage) => Promise<void>;

export interface DiskGuardParts {
  places: readonly Place[];
  minimum: MinimumFree;
  measure(directory: string): Promise<FreeSpace>;
  /** Ways to get room, tried one after another until there is enough. */
  remedies: readonly Remedy[];
  logger: Logger;
  /** Monotonic milliseconds. */
  clock?: () => number;
}

/** How long a measurement counts, milliseconds: builds in that time must fit into what has to stay free. */
const fresh = 2000;

/** Remedies that did not help are not tried again for so long, milliseconds. */
const patience = 60_000;

/** Time a file system has to say what is left on it, milliseconds. One of the network may hang for ever. */
const answerTime = 1000;

/** Seconds. */
const retryAfter = 60;

/** What is missing, and on which file system. */
export interface Shortage extends MinimumFree {
  device: number;
  reason: string;
}

/** Stops builds before a disk is full: on one that is, nothing can be stored, and what runs fails half way. */
export class DiskGuard implements Room {
  readonly #parts: DiskGuardParts;
  readonly #clock: () => number;
  #checked = Number.NEGATIVE_INFINITY;
  #triedAll = Number.NEGATIVE_INFINITY;
  #checking: Promise<void> | undefined;
  #reason: string | undefined;
  /** By directory: measurements under way, and what the last ones found. */
  readonly #measuring = new Map<string, Promise<void>>();
  readonly #measured = new Map<string, FreeSpace>();

  constructor(parts: DiskGuardParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? (() => performance.now());
  }

  async shortage(): Promise<Problem | undefined> {
    if ((await this.reason()) === undefined) return undefined;
    return new Problem(
      "storage-low",
      "the server's disk is nearly full: it builds nothing until there is room again; what was built before can still be fetched",
      { retryAfter },
    );
  }

  /** What is short, for the operator; undefined when there is room. */
  async reason(): Promise<string | undefined> {
    if (this.#clock() - this.#checked >= fresh) {
      this.#checking ??= this.#check().finally(() => {
        this.#checking = undefined;
      });
      await this.#checking;
    }
    return this.#reason;
  }

  async #check(): Promise<void> {
    let found = await this.#look();
    if (found && this.#clock() - this.#triedAll >= patience) {
      for (const remedy of this.#parts.remedies) {
        await this.#try(remedy, found);
        found = await this.#look();
        if (!found) break;
      }
      if (found) this.#triedAll = this.#clock();
    }
    this.#checked = this.#clock();
    this.#tell(found?.reason);
  }

  async #try(remedy: Remedy, shortage: Shortage): Promise<void> {
    try {
      await remedy(shortage);
    } catch (error) {
      this.#parts.logger.warn({ err: error }, "what should have made room did not");
    }
  }

  /** Once a change, not once a request. */
  #tell(reason: string | undefined): void {
    const { logger } = this.#parts;
    if (reason !== undefined && this.#reason === undefined)
      logger.error({ reason }, "no builds for want of disk space");
    if (reason === undefined && this.#reason !== undefined)
      logger.info("there is disk space again: builds go on");
    this.#reason = reason;
  }

  async #look(): Promise<Shortage | undefined> {
    const { places, minimum } = this.#parts;
    for (const place of places) {
      await this.#measure(place);
      const known = this.#measured.get(place.directory);
      const shortage = known && compare(place.name, known, minimum);
      if (shortage) return shortage;
    }
    return undefined;
  }

  /**
   * Measures a place. Where that takes too long, what was known before counts, and until there is an answer nobody asks again:
   * each question that hangs keeps a thread.
   */
  async #measure({ name, directory }: Place): Promise<void> {
    if (this.#measuring.has(directory)) return;
    const waiting = new AbortController();
    const measuring = this.#ask({ name, directory }).finally(() => {
      this.#measuring.delete(directory);
      waiting.abort();
    });
    this.#measuring.set(directory, measuring);
    // Broken off by the answer, which has come then.
    const late = sleep(answerTime, "late", { signal: waiting.signal, ref: false }).catch(() => "answered");
    if ((await Promise.race([measuring, late])) === "late")
      this.#parts.logger.warn({ place: name, directory }, "a disk does not say what is left on it");
  }

  async #ask({ name, directory }: Place): Promise<void> {
    const { measure, logger } = this.#parts;
    try {
      this.#measured.set(directory, await measure(directory));
    } catch (error) {
      // Not a matter of space; the build itself finds out what is wrong.
      this.#measured.delete(directory);
      logger.warn({ err: error, place: name }, "the space on a disk cannot be measured");
    }
  }
}

const mebibyte = 1024 * 1024;

function compare(name: string, free: FreeSpace, minimum: MinimumFree): Shortage | undefined {
  const bytes = Math.max(0, minimum.bytes - free.bytes);
  const files = Math.max(0, minimum.files - free.files);
  if (bytes === 0 && files === 0) return undefined;
  const left = bytes > 0 ? `${Math.floor(free.bytes / mebibyte)} MiB` : `room for ${free.files} files`;
  const asked = bytes > 0 ? `${minimum.bytes / mebibyte} MiB` : String(minimum.files);
  return {
    device: free.device,
    bytes,
    files,
    reason: `the disk of ${name} has ${left} left, less than ${asked}`,
  };
}
