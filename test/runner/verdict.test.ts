import { expect, test } from "vitest";
import type { Collected } from "../../src/runner/outputs.ts";
import { type Evidence, judge } from "../../src/runner/verdict.ts";

const firmware: Collected = {
  outputs: [{ name: "kiibohd.dfu.bin", bytes: Buffer.from("firmware") }],
  leftOut: [],
  excess: null,
};
const nothing: Collected = { outputs: [], leftOut: [], excess: null };
const stop = { status: "timed-out", reason: "too slow" } as const;

function verdict(evidence: Partial<Evidence>) {
  const { status, reason } = judge({ stop: null, exitCode: 0, collected: firmware, ...evidence }, [
    "kiibohd.dfu.bin",
  ]);
  return `${status}: ${reason}`;
}

test.each<[Partial<Evidence>, string]>([
  [{}, "succeeded: "],
  [{ stop, exitCode: null }, "timed-out: too slow"],
  [{ stop, exitCode: 0 }, "timed-out: too slow"],
  [{ collected: { ...firmware, excess: "too much" }, exitCode: 1 }, "limit-exceeded: too much"],
  [{ exitCode: 2 }, "failed: The build ended with exit status 2."],
  [{ exitCode: 2, collected: null }, "failed: The build ended with exit status 2."],
  [{ collected: null }, "failed: The build left no readable archive."],
  [{ collected: nothing }, "failed: Output kiibohd.dfu.bin is missing."],
  [
    { collected: { ...nothing, outputs: [{ name: "kiibohd.dfu.bin", bytes: Buffer.alloc(0) }] } },
    "failed: Output kiibohd.dfu.bin is empty.",
  ],
  [
    { collected: { ...nothing, leftOut: [{ name: "kiibohd.dfu.bin", why: "a symbolic link" }] } },
    "failed: Output kiibohd.dfu.bin does not count: a symbolic link.",
  ],
])("%# %j", (evidence, expected) => {
  expect(verdict(evidence)).toBe(expected);
});
