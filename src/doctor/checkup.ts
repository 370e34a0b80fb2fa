import type { Status } from "./check.ts";
import type { Examined } from "./examine.ts";

/** What may be told to anybody: no path, no address, no mend. */
export interface KnownProblem {
  id: string;
  title: string;
  status: Extract<Status, "warn" | "fail">;
}

export interface CheckupParts {
  /** @param whole whether to look at what takes a container, too */
  look(whole: boolean, signal: AbortSignal): Promise<Examined[]>;
  logger: {
    warn(details: object, message: string): void;
    info(details: object, message: string): void;
    error(details: object, message: string): void;
  };
  /** Monotonic milliseconds. */
  clock?: () => number;
}

/** How old what is known may be when somebody asks, milliseconds. */
const fresh = 5 * 60_000;

/**
 * A server's knowledge of what is wrong with its installation. It looks at its start and, when asked, now and then;
 * whoever asks gets what is known, at once. A problem is logged when it appears, and when it is gone.
 */
export class Checkup {
  readonly #parts: CheckupParts;
  readonly #clock: () => number;
  readonly #stopping = new AbortController();
  /** By id; only what is not fine. */
  #known: Map<string, Examined> | undefined;
  #looked = 0;
  #looking: Promise<void> | undefined;

  constructor(parts: CheckupParts) {
    this.#parts = parts;
    this.#clock = parts.clock ?? (() => performance.now());
  }

  /** Looks at everything. @param whole whether to look at what takes a container, too */
  start(whole: boolean): Promise<void> {
    return this.#look(whole);
  }

  /** What is known to be wrong; null: nothing is known yet. */
  problems(): KnownProblem[] | null {
    if (this.#known === undefined) return null;
    if (this.#clock() - this.#looked > fresh) void this.#look(false);
    return [...this.#known.values()].flatMap(({ id, title, status }) =>
      status === "warn" || status === "fail" ? [{ id, title, status }] : [],
    );
  }

  /** Ends a look that is under way, once that has left nothing behind. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#looking;
  }

  #look(whole: boolean): Promise<void> {
    this.#looking ??= this.#lookOnce(whole).finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookOnce(whole: boolean): Promise<void> {
    const { look, logger } = this.#parts;
    const { signal } = this.#stopping;
    if (signal.aborted) return;
    try {
      const examined = await look(whole, signal);
      // What was cut short failed for that reason.
      if (!signal.aborted) this.#take(examined);
    } catch (error) {
      logger.error({ err: error }, "the installation cannot be checked");
    }
    this.#looked = this.#clock();
  }

  #take(examined: readonly Examined[]): void {
    const { logger } = this.#parts;
    const before = this.#known ?? new Map<string, Examined>();
    const known = new Map<string, Examined>();
    for (const one of examined) {
      const { id, status, title, found, why, mend } = one;
      const earlier = before.get(id);
      // What was not looked at this time is as it was.
      if (status === "skip" && earlier !== undefined) known.set(id, earlier);
      if (status === "ok" && earlier !== undefined) logger.info({ check: id, found }, `mended: ${title}`);
      if (status !== "warn" && status !== "fail") continue;
      known.set(id, one);
      if (earlier === undefined) logger.warn({ check: id, status, found, why, mend }, `not so: ${title}`);
    }
    this.#known = known;
  }
}
