import type { Limits } from "../spec/spec.ts";
import { type Entry, walk } from "./walk.ts";

export type OutputLimits = Pick<Limits, "outputBytes" | "outputFiles">;

/** Counts what a build has written against its limits. */
export class Tally {
  readonly #limits: OutputLimits;
  #files = 0;
  #directories = 0;
  #bytes = 0;

  constructor(limits: OutputLimits) {
    this.#limits = limits;
  }

  /** Returns a sentence if the build has now written too much, else null. */
  add(kind: Entry["kind"], size: number): string | null {
    const { outputFiles, outputBytes } = this.#limits;
    // What cannot be measured cannot be bounded, so to hide outputs is to write too many.
    if (kind === "hidden") return "The build left directories that cannot be looked into.";
    if (kind === "directory") this.#directories += 1;
    else this.#files += 1;
    this.#bytes += size;
    if (this.#files > outputFiles) return `The build left more than ${outputFiles} files.`;
    if (this.#directories > outputFiles) return `The build left more than ${outputFiles} directories.`;
    if (this.#bytes > outputBytes) return `The outputs of the build exceed ${outputBytes} bytes.`;
    return null;
  }
}

/** Looks over a directory while the build may still write there: a sentence if it is over its limits, else null. */
export async function findExcess(root: string, limits: OutputLimits): Promise<string | null> {
  const tally = new Tally(limits);
  for await (const entry of walk(root)) {
    const excess = tally.add(entry.kind, entry.size);
    if (excess !== null) return excess;
  }
  return null;
}
