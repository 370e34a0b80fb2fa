import type { Context } from "koa";
import { Problem } from "../errors.ts";

/** Bytes; the largest layout known has 76 kB. A queue of 256 waiting builds of this size takes some 420 MB, with all the rest. */
const usual = 128 * 1024;

/**
 * Lets in a few requests with large bodies at a time. Each is in memory, in several forms, until its build has ended: a
 * queue full of them would not fit. Who posts no more than usual always gets in.
 */
export class LargeBodies {
  readonly #most: number;
  #inside = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Runs `work`, if there is room for it. A body whose length is not said may be any, and counts as large.
   * @throws Problem `queue-full`
   */
  async admit<T>(ctx: Context, work: () => Promise<T>): Promise<T> {
    const { length } = ctx.request;
    if (length !== undefined && length <= usual) return work();
    if (this.#inside >= this.#most) {
      throw new Problem("queue-full", "many large layouts are being built; try again in a moment", {
        retryAfter: 10,
      });
    }
    this.#inside++;
    try {
      return await work();
    } finally {
      this.#inside--;
    }
  }
}
