import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { progressOf } from "../../scripts/images/progress.ts";
import { rowLine } from "../../scripts/images/screen.ts";

/** What the classic builder said of an image of two firmwares with two layouts each. */
const recorded = readFileSync(join(import.meta.dirname, "image-build.txt"), "utf8");
const lines = recorded.split("\n");

/** The log up to and with the line that begins like this, the nth of them. */
function until(beginning: string, nth = 1): string {
  const at = lines.flatMap((line, index) => (line.startsWith(beginning) ? [index] : []))[nth - 1];
  if (at === undefined) throw new Error(`the log has no line ${beginning}`);
  return lines.slice(0, at + 1).join("\n");
}

describe("the progress of an image", () => {
  it("is nothing before the first step", () => expect(progressOf("Sending build context")).toBe(""));
  it("is the step it is at", () => expect(progressOf(until("Step 10/36"))).toBe("step 10/36"));
  it("counts cold builds while there are no others", () => {
    expect(progressOf(until("cold:", 3))).toBe("step 26/36, 3 cold builds of 2 firmwares");
  });
  it("counts a firmware as proven when each layout was the same twice", () => {
    expect(progressOf(until("fast:", 1))).toBe("step 26/36, 0 of 2 firmwares proven (1 of 8 comparisons)");
    expect(progressOf(until("fast: kira stock", 2))).toBe(
      "step 26/36, 1 of 2 firmwares proven (7 of 8 comparisons)",
    );
    expect(progressOf(until("fast: kira edited", 2))).toBe(
      "step 26/36, 2 of 2 firmwares proven (8 of 8 comparisons)",
    );
  });
  it("goes on after the proof", () => expect(progressOf(recorded)).toContain("step 36/36"));

  it("is read from BuildKit, too", () => {
    const log = [
      "#5 [toolchain 1/2] FROM docker.io/library/debian:bookworm-slim",
      "#11 [prepared 7/7] RUN cd /opt/kiibohd",
      "#11 0.512 cold: kira stock 8.1 s",
      "#11 18.23 fast: kira stock 2.0 s, 36 compiled, the same",
    ].join("\n");
    expect(progressOf(log)).toBe("step prepared 7/7, 0 of 1 firmwares proven (1 of 2 comparisons)");
  });
});

it("a row shows how long it has taken in minutes and seconds", () => {
  expect(rowLine({ name: "image", text: "built", seconds: 754.9 })).toMatch(/^ {4}image +12:34 +built$/);
  expect(rowLine({ name: "image", text: "waits", seconds: undefined })).toMatch(/^ {4}image +waits$/);
});
