import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { OutputFile } from "./runner.ts";
import { type OutputLimits, Tally } from "./tally.ts";
import { type Entry, isCode, walk } from "./walk.ts";

/** Something a build left that is no output, and why. */
export interface LeftOut {
  /** Printable, not necessarily exact. */
  name: string;
  why: string;
}

export interface Collected {
  /** Sorted by name. */
  outputs: OutputFile[];
  leftOut: LeftOut[];
  /** A sentence if the build left more than its limits allow; `outputs` then holds what was read before. */
  excess: string | null;
}

const leftOutNamed = 50;
const longestName = 255;

/** Reads the regular files a finished build left below `root`, within its limits. Links are never followed. */
export async function collectOutputs(root: string, limits: OutputLimits): Promise<Collected> {
  const collector = new Collector(limits);
  for await (const entry of walk(root)) {
    if (!(await collector.take(entry.kind, entry.name, entry.size, () => readRegular(entry)))) break;
  }
  return collector.finish();
}

/** Gathers outputs one by one: names checked, sizes counted, whatever their source (a directory or an archive). */
export class Collector {
  readonly #tally: Tally;
  readonly #outputs = new Map<string, Buffer>();
  readonly #leftOut: LeftOut[] = [];
  #excess: string | null = null;

  constructor(limits: OutputLimits) {
    this.#tally = new Tally(limits);
  }

  /**
   * Reads one entry if it is fit to be an output.
   * @param read gives the bytes, or a reason why there are none
   * @returns whether there is room for more
   */
  async take(
    kind: Entry["kind"],
    rawName: Buffer,
    size: number,
    read: () => Promise<Buffer | string>,
  ): Promise<boolean> {
    this.#excess = this.#tally.add(kind, size);
    if (this.#excess !== null) return false;
    if (kind === "directory") return true;
    const name = outputName(rawName);
    if (name === null) this.#leave(printable(rawName), "its name is not usable");
    else if (kind === "link") this.#leave(name, "a symbolic link, not a regular file");
    else if (kind !== "file") this.#leave(name, "not a regular file");
    else if (this.#outputs.has(name)) this.#leave(name, "the second of that name");
    else {
      const bytes = await read();
      if (typeof bytes === "string") this.#leave(name, bytes);
      else this.#outputs.set(name, bytes);
    }
    return true;
  }

  finish(): Collected {
    const outputs = [...this.#outputs].map(([name, bytes]) => ({ name, bytes }));
    outputs.sort((a, b) => (a.name < b.name ? -1 : 1));
    return { outputs, leftOut: this.#leftOut, excess: this.#excess };
  }

  #leave(name: string, why: string): void {
    if (this.#leftOut.length < leftOutNamed) this.#leftOut.push({ name, why });
  }
}

/** A relative path that is safe to put into a zip and a log, or null. */
export function outputName(raw: Buffer): string | null {
  const name = raw.toString("utf8");
  if (!Buffer.from(name, "utf8").equals(raw)) return null;
  // The replacement character stands for what was no UTF-8 to somebody before us.
  if (name.length > longestName || /[\p{Cc}\\\ufffd]/u.test(name)) return null;
  const steps = name.split("/");
  return steps.some((step) => step === "" || step === "." || step === "..") ? null : name;
}

function printable(raw: Buffer): string {
  return raw
    .toString("latin1")
    .slice(0, 80)
    .replaceAll(/[^ -~]/g, "?");
}

/** A build that has had its last word may still run: what changes under our feet does not count. */
async function readRegular(entry: Entry): Promise<Buffer | string> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    await using file = await open(entry.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const stats = await file.stat();
    if (!stats.isFile() || stats.size !== entry.size) return "it changed while being read";
    const { buffer, bytesRead } = await file.read(Buffer.alloc(entry.size), 0, entry.size, 0);
    return bytesRead === entry.size ? buffer : "it changed while being read";
  } catch (error) {
    if (isCode(error, "EACCES", "EPERM", "ELOOP", "ENOENT")) return "it cannot be read";
    throw error;
  }
}
