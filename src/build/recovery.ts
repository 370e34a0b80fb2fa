import type { Logger } from "pino";
import type { Runner } from "../runner/runner.ts";
import type { BuildRow } from "../store/buildRows.ts";
import type { BuildStore } from "../store/builds.ts";
import type { Room } from "./diskGuard.ts";

/** The builds under way in this process, as far as recovery has to know of them. */
export interface Flights {
  /** Whether this very build is under way. */
  owns(id: string): boolean;
  /** Whether a build of that key is under way. */
  has(key: string): boolean;
  /** Finds the build's outcome, or runs it. */
  takeUp(row: BuildRow): Promise<unknown>;
}

export interface RecoveryParts {
  runner: Runner;
  builds: BuildStore;
  logger: Logger;
  room: Room;
  flights: Flights;
}

/** How often work that a fault left behind is taken up again, milliseconds. */
const interval = 5000;

/** Runs what a former life of the server, or a fault in this one, left without an outcome. */
export class Recovery {
  readonly #parts: RecoveryParts;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /**
   * Clears up, then takes up the rows without an outcome; tries until the daemon and the database answer. Never
   * rejects: nobody may be there to hear of it.
   */
  async recover(): Promise<void> {
    const { runner, builds, logger, room } = this.#parts;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    try {
      const removed = await runner.reap();
      if (removed > 0) logger.warn({ removed }, "removed containers of a former life");
      if (this.#stopped) return;
      if (await room.shortage()) {
        this.later();
        return;
      }
      for (const row of builds.interrupted()) this.#resume(row);
    } catch (error) {
      logger.warn({ err: error }, "cannot take up unfinished builds yet");
      this.later();
    }
  }

  /** Recovers in a while, once. */
  later(): void {
    if (this.#timer || this.#stopped) return;
    this.#timer = setTimeout(() => this.recover(), interval).unref();
  }

  /** Takes up nothing any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Takes up a row that nobody in this process works on. */
  #resume(row: BuildRow): void {
    const { builds, logger, flights } = this.#parts;
    if (flights.owns(row.id)) return;
    if (flights.has(row.key)) {
      this.later();
      return;
    }
    if (row.status === "running" && builds.requeue(row.id, "crashed") === "faulted") {
      logger.error({ build: row.id }, "given up: it was under way each time the server died");
      return;
    }
    flights.takeUp(row).catch((error) => {
      logger.warn({ err: error, build: row.id }, "a build left by a former life did not finish");
      this.later();
    });
  }
}
