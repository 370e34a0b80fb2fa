import type { Logger } from "pino";
import type { BuildStore } from "../store/builds.ts";

/** A use is not noted again for so long, milliseconds: what an artifact's last use is known to be may be so much too old. */
export const coarse = 5 * 60 * 1000;

/** Notes are written together, after so many milliseconds. */
const gathering = 1000;

/** Notes that could not be written are tried again after so many milliseconds. */
const retry = 60_000;

/** When artifacts were last asked for, noted so that an answer from the cache waits for no write. */
export class UseLog {
  readonly #builds: BuildStore;
  readonly #logger: Logger;
  readonly #now: () => number;
  /** Artifact -> when its last note was taken. */
  readonly #noted = new Map<string, number>();
  readonly #unwritten = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /** @param now milliseconds since 1970 */
  constructor(builds: BuildStore, logger: Logger, now: () => number = Date.now) {
    this.#builds = builds;
    this.#logger = logger;
    this.#now = now;
  }

  /** Takes note that an artifact is asked for. */
  note(artifact: string): void {
    const now = this.#now();
    if (now - (this.#noted.get(artifact) ?? Number.NEGATIVE_INFINITY) < coarse) return;
    this.#noted.set(artifact, now);
    this.#unwritten.add(artifact);
    this.#timer ??= setTimeout(() => this.flush(), gathering).unref();
  }

  /** Writes the notes taken since the last time. Never throws: notes are not worth an answer. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#unwritten.size === 0) return;
    try {
      this.#builds.use(this.#unwritten);
      this.#unwritten.clear();
      this.#forgetOld();
    } catch (error) {
      this.#logger.warn({ err: error }, "the use of artifacts cannot be noted yet");
      this.#timer = setTimeout(() => this.flush(), retry).unref();
    }
  }

  /** What would be noted again anyway need not be remembered. */
  #forgetOld(): void {
    const now = this.#now();
    for (const [artifact, noted] of this.#noted) if (now - noted >= coarse) this.#noted.delete(artifact);
  }
}
