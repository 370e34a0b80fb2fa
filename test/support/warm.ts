import type { RunnerLog } from "../../src/runner/daemon.ts";

/** Listens to what a runner says of its warm containers. */
export class WarmWatch implements RunnerLog {
  /** The ids of those that wait right now. */
  readonly waiting = new Set<string>();
  /** The ids of those that builds took, in order. */
  readonly taken: string[] = [];
  readonly warnings: string[] = [];
  #changed = Promise.withResolvers<void>();

  debug({ slot = "", build }: { slot?: string; build?: string }, message: string): void {
    if (message === "a warm container waits") this.waiting.add(slot);
    else this.waiting.delete(slot);
    if (build !== undefined) this.taken.push(slot);
    this.#change();
  }

  warn({ slot = "", why }: { slot?: string; why?: string }, message: string): void {
    this.waiting.delete(slot);
    this.warnings.push(why === undefined ? message : `${message}: ${why}`);
    this.#change();
  }

  /** Waits until this holds; the test's own time limit bounds it. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await this.#changed.promise;
  }

  /** Waits until so many containers wait; gives their ids. */
  async waits(count = 1): Promise<string[]> {
    await this.until(() => this.waiting.size === count);
    return [...this.waiting];
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
