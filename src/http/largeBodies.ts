import type { Context } from "koa";
import { Problem } from "../errors.ts";
import { callerOf } from "./callers.ts";
import { Tally } from "./tally.ts";

/** Bytes; the largest layout known has 150 kB. 256 builds of this size, posted at once, take some 450 MB at their peak, with all the rest. */
const usual = 256 * 1024;

/**
 * Lets in a few requests with large bodies at a time, and not all of them one client's: it takes a body's first byte to have a
 * place, and two minutes may pass until its last. Each is in memory, in several forms, until its build has ended: a queue full
 * of them would not fit. Who posts no more than usual always gets in.
 */
export class LargeBodies {
  readonly #most: number;
  readonly #perClient: number;
  readonly #inside = new Tally<string>();

  constructor({ most, perClient }: { most: number; perClient: number }) {
    this.#most = most;
    this.#perClient = perClient;
  }

  /**
   * Runs `work`, if there is room for it. A body whose length is not said may be any, and counts as large.
   * @throws Problem `queue-full`
   */
  async admit<T>(ctx: Context, work: () => Promise<T>): Promise<T> {
    const { length } = ctx.request;
    if (length !== undefined && length <= usual) return work();
    const { client } = callerOf(ctx).requester;
    if (this.#inside.all >= this.#most) throw full("many large layouts are being built");
    if (this.#inside.of(client) >= this.#perClient) throw full("large layouts from here are being built");
    this.#inside.enter(client);
    try {
      return await work();
    } finally {
      this.#inside.leave(client);
    }
  }
}

function full(reason: string): Problem {
  return new Problem("queue-full", `${reason}; try again in a moment`, { retryAfter: 10 });
}
