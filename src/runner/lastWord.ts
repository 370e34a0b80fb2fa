/** What an image that promises a last word says in the end: a line of its own, once all outputs of this build are there. */
export function lastWord(id: string): string {
  return `kiisrv: done ${id}`;
}

/** Listens for the last word in a log that comes in pieces of any size. */
export class LastWord {
  readonly #line: string;
  /** The beginning of a line that may become it. */
  #held = "";
  #withinLine = false;
  #said = false;

  constructor(id: string) {
    this.#line = `${lastWord(id)}\n`;
  }

  get said(): boolean {
    return this.#said;
  }

  /** Takes a piece; gives what is certainly log. What comes after the last word is not. */
  take(piece: string): string {
    if (this.#said) return "";
    const text = this.#held + piece;
    this.#held = "";
    for (let start = this.#withinLine ? lineAfter(text, 0) : 0; start >= 0; start = lineAfter(text, start)) {
      const line = text.slice(start, start + this.#line.length);
      this.#said = line === this.#line;
      if (this.#said || this.#line.startsWith(line)) {
        if (!this.#said) this.#held = line;
        this.#withinLine = false;
        return text.slice(0, start);
      }
    }
    this.#withinLine = true;
    return text;
  }

  /** What was held back of a log that has ended. */
  rest(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }
}

/** Where the next line begins; -1 if none does. */
function lineAfter(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? -1 : end + 1;
}
