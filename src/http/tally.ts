/** Counts what is there of each kind; what is gone takes no room. */
export class Tally<Kind> {
  readonly #counts = new Map<Kind, number>();
  #all = 0;

  get all(): number {
    return this.#all;
  }

  of(kind: Kind): number {
    return this.#counts.get(kind) ?? 0;
  }

  enter(kind: Kind): void {
    this.#counts.set(kind, this.of(kind) + 1);
    this.#all++;
  }

  leave(kind: Kind): void {
    const left = this.of(kind) - 1;
    if (left > 0) this.#counts.set(kind, left);
    else this.#counts.delete(kind);
    this.#all--;
  }
}
