import { readFile } from "node:fs/promises";
import type { MachineFacts } from "../facts.ts";

export async function lookAtMachine(): Promise<MachineFacts> {
  const text = await readFile("/proc/meminfo", "utf8").catch(() => "");
  const kibibytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return { availableBytes: kibibytes === undefined ? null : Number(kibibytes) * 1024, now: Date.now() };
}
