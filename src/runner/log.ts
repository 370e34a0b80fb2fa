const headKept = 256 * 1024;
const tailKept = 768 * 1024;

/** A log of any length in bounded memory: its beginning, its end, and how much was left out between. */
export class BoundedLog {
  readonly #headKept: number;
  readonly #tailKept: number;
  #head = "";
  #tail = "";
  #leftOut = 0;

  /** Both figures in characters (UTF-16 units): compilers fail early or late, so both ends matter. */
  constructor(head = headKept, tail = tailKept) {
    this.#headKept = head;
    this.#tailKept = tail;
  }

  /** NUL is dropped (no text tool or column takes it); other control characters stay, as colours are made of them. */
  add(text: string): void {
    const clean = text.replaceAll("\0", "");
    const room = this.#headKept - this.#head.length;
    this.#head += clean.slice(0, room);
    this.#tail += clean.slice(room);
    // Cut seldom: cutting at each small write would copy the whole tail each time.
    if (this.#tail.length > 2 * this.#tailKept) this.#cutTail();
  }

  toString(): string {
    this.#cutTail();
    if (this.#leftOut === 0) return (this.#head + this.#tail).toWellFormed();
    // A cut may part a surrogate pair, hence toWellFormed.
    const marker = `\n[... ${this.#leftOut} characters left out ...]\n`;
    return `${this.#head}${marker}${this.#tail}`.toWellFormed();
  }

  #cutTail(): void {
    const surplus = this.#tail.length - this.#tailKept;
    if (surplus <= 0) return;
    this.#tail = this.#tail.slice(surplus);
    this.#leftOut += surplus;
  }
}
