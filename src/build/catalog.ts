import { setTimeout as sleep } from "node:timers/promises";
import { Problem } from "../errors.ts";
import type { Runner, ToolchainImage } from "../runner/runner.ts";

interface Look {
  /** How many changes had been told of when it began; undefined before that. */
  since: number | undefined;
  done: Promise<void>;
  /** Resolves when nobody who knows something should wait for it any more. */
  longEnough: Promise<void>;
}

/** How old what was seen may be when a request comes and nobody tells of changes, milliseconds. */
const freshEnough = 2000;
/** How long somebody who tells of changes is believed to be alive, milliseconds. */
const believed = 10_000;
/** From one attempt to be told of changes to the next, milliseconds. */
const attemptEvery = 5000;
/** How long a daemon that hangs holds up those who could do with what was seen before, milliseconds. */
const lookPatience = 1000;

/**
 * The controller images that are installed, by name. Keeps what it saw last, so that cached answers need no daemon.
 */
export class ImageCatalog {
  readonly #runner: Pick<Runner, "images" | "watchImages">;
  readonly #clock: () => number;
  #images = new Map<string, ToolchainImage>();
  #fault: Problem | undefined;
  #checked = Number.NEGATIVE_INFINITY;
  /** Whether changes are told of. */
  #told = false;
  /** How many changes were told of, and how many of them there had been when the last look began that succeeded. */
  #changes = 0;
  #seen = 0;
  /** The newest look that is under way, or waits for the one before it. */
  #newest: Look | undefined;

  /** @param clock monotonic milliseconds */
  constructor(runner: Pick<Runner, "images" | "watchImages">, clock: () => number = () => performance.now()) {
    this.#runner = runner;
    this.#clock = clock;
  }

  /**
   * Sees to it that what is known is how it is: a look at a daemon with many images takes long, so there is none while the
   * daemon tells of changes, but for one now and then that nobody waits for.
   */
  async current(): Promise<void> {
    if (!this.#told) return this.refresh(freshEnough);
    if (this.#seen !== this.#changes) return this.refresh();
    // It may hang without anybody's noticing. What is no fault of the daemon's is for those to hear who look themselves.
    this.refresh(believed).catch(() => {
      this.#told = false;
    });
  }

  /** Has the daemon tell of changes until `signal`, as far as it does. */
  async listen(signal: AbortSignal): Promise<void> {
    const changed = () => {
      this.#told = true;
      this.#changes++;
    };
    while (!signal.aborted) {
      try {
        await this.#runner.watchImages(changed, signal);
      } catch (error) {
        // What ails the daemon is found out by looking.
        if (!(error instanceof Problem)) throw error;
      } finally {
        this.#told = false;
      }
      await pause(attemptEvery, signal);
    }
  }

  /**
   * Looks again when the last look is older than `maxAge` milliseconds; with images seen before, waits a second at most.
   * A daemon that fails is kept for `require`.
   */
  async refresh(maxAge = 0): Promise<void> {
    if (this.#clock() - this.#checked < maxAge) return;
    const { done, longEnough } = this.#lookOfNow();
    await (this.#images.size > 0 ? Promise.race([done, longEnough]) : done);
  }

  /** A look that sees what was told of so far: one for all who ask. */
  #lookOfNow(): Look {
    const before = this.#newest;
    if (before && (before.since ?? this.#changes) === this.#changes) return before;
    const longEnough = sleep(lookPatience, undefined, { ref: false });
    const look: Look = { since: undefined, done: Promise.resolve(), longEnough };
    this.#newest = look;
    look.done = this.#carryOut(look, before);
    return look;
  }

  async #carryOut(look: Look, before: Look | undefined): Promise<void> {
    try {
      // What becomes of that one is told to those who wait for it.
      if (before) await Promise.allSettled([before.done]);
      look.since = this.#changes;
      await this.#look();
    } finally {
      if (this.#newest === look) this.#newest = undefined;
    }
  }

  /** Why the last look failed. */
  get lastFault(): Problem | undefined {
    return this.#fault;
  }

  all(): ToolchainImage[] {
    return [...this.#images.values()];
  }

  find(name: string): ToolchainImage | undefined {
    return this.#images.get(name);
  }

  /**
   * @throws Problem `runner-unavailable` when no daemon ever told what there is, `image-missing` naming what there is
   */
  require(name: string): ToolchainImage {
    const image = this.#images.get(name);
    if (image) return image;
    if (this.#fault) throw this.#fault;
    const installed = [...this.#images.keys()].sort().join(", ") || "none";
    throw new Problem(
      "image-missing",
      `this server has no toolchain image '${name}', which builds this firmware; installed: ${installed}`,
    );
  }

  async #look(): Promise<void> {
    const changes = this.#changes;
    try {
      const images = await this.#runner.images();
      this.#seen = changes;
      this.#images = new Map(images.map((image) => [image.name, image]));
      this.#fault = undefined;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#fault = error;
    } finally {
      this.#checked = this.#clock();
    }
  }
}

/** Milliseconds, or less when it is aborted. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await Promise.allSettled([sleep(milliseconds, undefined, { signal, ref: false })]);
}
