import { z } from "zod";
import type { FirmwareSize, SizeReport } from "../spec/size.ts";
import { logLines } from "./logLines.ts";

/** What a build left, as far as its size is concerned. */
export interface SizedBuild {
  /** What had to come out; of that the firmwares count: `kiibohd.dfu.bin`, or `left_…` and `right_…`. */
  required: readonly string[];
  outputs: readonly { name: string; bytes: Buffer }[];
  log: string;
}

const bytes = z.int().nonnegative();
const memory = z
  .object({ used: bytes, total: bytes.positive() })
  .refine(({ used, total }) => used <= total, "more is used than there is");
const firmware = z.object({ flash: memory, ram: memory });

const firmwareName = /^((?:left_|right_)?)kiibohd\.dfu\.bin$/;

/** A size report takes a hundred bytes; what is longer is none. */
const longestReport = 4096;

/**
 * How much of its chip each firmware of a successful build takes: as its `size.json` says (`left_size.json` for
 * `left_kiibohd.dfu.bin`), else as the build of the images in the field prints it at its end.
 *
 * What is no sound report is left out.
 * @returns null where nothing is known
 */
export function readSizes(build: SizedBuild): SizeReport | null {
  const firmwares = build.required.filter((name) => firmwareName.test(name)).sort();
  const printed = printedSizes(build.log);
  // The log names no firmware: its reports stand in the order of the builds, left before right.
  const inOrder = printed.length === firmwares.length ? printed : [];
  const sizes = firmwares.flatMap((name, index): [string, FirmwareSize][] => {
    const size = writtenSize(build, name) ?? inOrder[index];
    return size ? [[name, size]] : [];
  });
  return sizes.length > 0 ? Object.fromEntries(sizes) : null;
}

function writtenSize({ outputs }: SizedBuild, name: string): FirmwareSize | undefined {
  const [, prefix = ""] = firmwareName.exec(name) ?? [];
  const report = outputs.find((output) => output.name === `${prefix}size.json`);
  return report && report.bytes.length <= longestReport ? checked(parsed(report.bytes)) : undefined;
}

function parsed(report: Buffer): unknown {
  try {
    return JSON.parse(report.toString());
  } catch {
    return undefined;
  }
}

function checked(size: unknown): FirmwareSize | undefined {
  return firmware.safeParse(size).data;
}

const usage = /^\s*(SRAM|Flash):\s*\d+%\s*(\d+)\/(\d+)\s*bytes\s*$/;

/** The pairs `SRAM: 44% 29360/65536 bytes`, `Flash: 37% 95932/253952 bytes` of a log. */
function printedSizes(log: string): FirmwareSize[] {
  const sizes: FirmwareSize[] = [];
  let ram: FirmwareSize["ram"] | undefined;
  for (const line of logLines(log)) {
    const [, name, used, total] = usage.exec(line) ?? [];
    if (name === undefined) continue;
    const use = { used: Number(used), total: Number(total) };
    if (name === "SRAM") ram = use;
    else {
      const size = checked({ flash: use, ram });
      if (size) sizes.push(size);
      ram = undefined;
    }
  }
  return sizes;
}

/** One line a firmware: `kiibohd.dfu.bin: flash 95,932 of 253,952 bytes (38 %), RAM 29,360 of 65,536 bytes (45 %)`. */
export function sizeLines(sizes: SizeReport): string[] {
  return Object.entries(sizes).map(([name, { flash, ram }]) => {
    const [flashText, ramText] = [flash, ram].map(({ used, total }) => {
      const percent = Math.round((100 * used) / total);
      return `${count(used)} of ${count(total)} bytes (${percent} %)`;
    });
    return `${name}: flash ${flashText}, RAM ${ramText}`;
  });
}

function count(bytes: number): string {
  return bytes.toLocaleString("en-US");
}
