import { finished } from "node:stream";
import type { Context } from "koa";

interface Shared {
  bytes: Buffer;
  /** That are not out yet. */
  answers: number;
}

/** Bytes on their way out. Clients may ask for the same again and again and read nothing of it: equal answers are one Buffer. */
export class SharedBytes {
  readonly #shared = new Map<string, Shared>();

  /**
   * @param hash of the bytes
   * @returns what to answer with: the bytes of an equal answer that is still on its way, or these
   */
  of(ctx: Context, hash: string, bytes: Buffer): Buffer {
    const shared = this.#shared.get(hash) ?? { bytes, answers: 0 };
    this.#shared.set(hash, shared);
    shared.answers++;
    finished(ctx.res, () => {
      shared.answers--;
      if (shared.answers === 0) this.#shared.delete(hash);
    });
    return shared.bytes;
  }
}
