import { Problem } from "../errors.ts";

/**
 * Whether new builds are refused, as an administrator wants it before a stop. What runs or waits goes on, and what is kept is
 * served. It is forgotten with the process.
 */
export class Draining {
  on = false;

  /** @throws Problem `draining` */
  assertOff(): void {
    const reason = this.reason();
    if (reason !== undefined) throw new Problem("draining", reason, { retryAfter: 60 });
  }

  /** Why nothing can be built, for who watches the server. */
  reason(): string | undefined {
    return this.on ? "the server is about to stop and takes no new builds; try again later" : undefined;
  }
}
