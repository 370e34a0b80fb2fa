import type { Stop } from "./verdict.ts";

/** Why a running build is to be stopped: the first reason counts, later ones are its consequences. */
export class Halt {
  readonly #raised = new AbortController();
  #stop: Stop | null = null;
  #fault: { error: unknown } | null = null;

  /** Aborted once there is a reason. */
  get signal(): AbortSignal {
    return this.#raised.signal;
  }

  raise(stop: Stop): void {
    if (this.signal.aborted) return;
    this.#stop = stop;
    this.#raised.abort();
  }

  /** Something of ours broke: the run cannot go on, and it is not the build's doing. */
  fail(error: unknown): void {
    if (this.signal.aborted) return;
    this.#fault = { error };
    this.#raised.abort();
  }

  /**
   * The reason raised, or null if there is none.
   * @throws what was failed with
   */
  outcome(): Stop | null {
    if (this.#fault !== null) throw this.#fault.error;
    return this.#stop;
  }
}
