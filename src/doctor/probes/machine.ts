import { readFile } from "node:fs/promises";
import type { MachineFacts } from "../facts.ts";

/** Looks at memory and clock; a system without `/proc` does not tell of its memory. */
export async function lookAtMachine(): Promise<MachineFacts> {
  const text = await readFile("/proc/meminfo", "utf8").catch(() => "");
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return { availableBytes: kibibytes === undefined ? null : Number(kibibytes) * 1024, now: Date.now() };
}
