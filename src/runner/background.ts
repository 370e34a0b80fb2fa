/** Work that nobody waits for, until somebody does. What is given to it must not reject. */
export class Background {
  readonly #tasks = new Set<Promise<unknown>>();

  /** How much is under way. */
  get size(): number {
    return this.#tasks.size;
  }

  add(task: Promise<unknown>): void {
    const tracked = task.finally(() => this.#tasks.delete(tracked));
    this.#tasks.add(tracked);
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
  }
}
