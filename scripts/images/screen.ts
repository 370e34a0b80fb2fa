import type { WriteStream } from "node:tty";

/** What is shown: one line for each thing that is under way. */
export interface Row {
  name: string;
  text: string;
  /** Seconds since it began; undefined before that. */
  seconds: number | undefined;
}

/** How often a terminal is redrawn, and how often a log without one gets a line of something that goes on, milliseconds. */
const redraw = 500;
const repeat = 30_000;

/** Shows rows while they change: on a terminal in place, elsewhere as lines of a log. */
export class Screen {
  readonly #rows: () => readonly Row[];
  readonly #out: WriteStream;
  readonly #shown = new Map<string, { text: string; at: number }>();
  #drawn = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(rows: () => readonly Row[], out: WriteStream = process.stdout) {
    this.#rows = rows;
    this.#out = out;
  }

  start(): void {
    this.#show();
    this.#timer = setInterval(() => this.#show(), redraw);
  }

  /** Ends with what is true then. */
  stop(): void {
    clearInterval(this.#timer);
    this.#show(true);
  }

  #show(last = false): void {
    if (this.#out.isTTY) this.#draw();
    else this.#log(last);
  }

  #draw(): void {
    const rows = this.#rows();
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : "";
    // A line that wraps would be two to the terminal.
    const lines = rows.map((row) => `\x1b[2K${rowLine(row).slice(0, this.#out.columns - 1)}\n`);
    this.#drawn = rows.length;
    this.#out.write(up + lines.join(""));
  }

  #log(last: boolean): void {
    const now = performance.now();
    for (const row of this.#rows()) {
      const shown = this.#shown.get(row.name);
      if (shown?.text === row.text) continue;
      const isNews =
        shown === undefined || last || kind(shown.text) !== kind(row.text) || now - shown.at >= repeat;
      if (!isNews) continue;
      this.#shown.set(row.name, { text: row.text, at: now });
      this.#out.write(`${rowLine(row)}\n`);
    }
  }
}

/** Texts that differ in nothing but their numbers tell of the same thing, further on. */
function kind(text: string): string {
  return text.replace(/\d+/g, "#");
}

export function rowLine({ name, text, seconds }: Row): string {
  return `    ${name.padEnd(24)}${seconds === undefined ? "" : clock(seconds)}`.padEnd(36) + text;
}

/** 754 -> `12:34` */
export function clock(seconds: number): string {
  const [minutes, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
  return `${minutes}:${String(rest).padStart(2, "0")}`.padStart(6);
}
