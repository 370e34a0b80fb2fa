import { setTimeout as sleep } from "node:timers/promises";

/** For the next container to wait, milliseconds. */
const patience = 60_000;

/** Counts the containers that a server's log (level debug) says are waiting. */
export class WaitingContainers {
  #count = 0;
  #changed = Promise.withResolvers<void>();

  /** To be given each line of the log. */
  take(line: string): void {
    if (!line.includes("a warm container waits")) return;
    this.#count++;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  /** Resolves when so many have waited since the start. */
  async reached(wanted: number): Promise<void> {
    const expired = sleep(patience, "expired", { ref: false });
    while (this.#count < wanted) {
      if ((await Promise.race([this.#changed.promise, expired])) === "expired")
        throw new Error("no container waits");
    }
  }
}
