/** Gives up on a partner that says nothing for too long; every byte that passes lets it have its time anew. */
export class SilenceGuard {
  /** Comes with the caller's signal, or after the silence. */
  readonly signal: AbortSignal;
  readonly #silent = new AbortController();
  readonly #milliseconds: number;
  #timer: NodeJS.Timeout;

  constructor(signal: AbortSignal, milliseconds: number) {
    this.#milliseconds = milliseconds;
    this.signal = AbortSignal.any([signal, this.#silent.signal]);
    this.#timer = this.#start();
  }

  #start(): NodeJS.Timeout {
    const give = () =>
      this.#silent.abort(new Error(`the daemon said nothing for ${Math.round(this.#milliseconds / 1000)} s`));
    return setTimeout(give, this.#milliseconds);
  }

  async *pass<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
    for await (const chunk of source) {
      this.#timer.refresh();
      yield chunk;
    }
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
