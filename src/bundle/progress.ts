/** Where progress is shown: standard error, say. */
export interface Screen {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

/** Milliseconds between two pictures of the bar. */
const interval = 100;
const barWidth = 24;

/** A bar on a terminal; elsewhere one line a step, and one every tenth of it. */
export class Progress {
  readonly #screen: Screen;
  readonly #clock: () => number;
  #step = { label: "", total: 0, done: 0 };
  #shown = { at: Number.NEGATIVE_INFINITY, tenth: 0 };

  /** @param clock monotonic milliseconds */
  constructor(screen: Screen, clock: () => number = () => performance.now()) {
    this.#screen = screen;
    this.#clock = clock;
  }

  /** @param total bytes; 0: not known */
  begin(label: string, total: number): void {
    this.#step = { label, total, done: 0 };
    this.#shown = { at: Number.NEGATIVE_INFINITY, tenth: 0 };
    if (!this.#screen.isTTY) this.#screen.write(`${label}${total > 0 ? ` (${megabytes(total)})` : ""}\n`);
  }

  advance(bytes: number): void {
    this.#step.done += bytes;
    if (this.#screen.isTTY) this.#draw();
    else this.#tell();
  }

  /** Takes the bar away, so that what is printed next has a line of its own. */
  end(): void {
    if (this.#screen.isTTY) this.#screen.write("\r\u001b[K");
  }

  #draw(): void {
    const now = this.#clock();
    if (now - this.#shown.at < interval) return;
    this.#shown.at = now;
    const { label, done, total } = this.#step;
    const filled = Math.round(this.#share() * barWidth);
    const bar =
      total > 0
        ? `[${"#".repeat(filled).padEnd(barWidth)}] ${megabytes(done)} of ${megabytes(total)}`
        : megabytes(done);
    this.#screen.write(`\r\u001b[K${`${label} ${bar}`.slice(0, (this.#screen.columns ?? 80) - 1)}`);
  }

  #tell(): void {
    const tenth = Math.floor(this.#share() * 10);
    if (tenth <= this.#shown.tenth) return;
    this.#shown.tenth = tenth;
    this.#screen.write(`  ${tenth * 10} %\n`);
  }

  #share(): number {
    const { done, total } = this.#step;
    return total > 0 ? Math.min(1, done / total) : 0;
  }
}

/** Bytes as a person reads them. */
export function megabytes(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1000)} kB` : `${Math.round(bytes / 1_000_000)} MB`;
}
