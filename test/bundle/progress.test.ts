import { describe, expect, test } from "vitest";
import { megabytes, Progress } from "../../src/bundle/progress.ts";

function screen(terminal: { isTTY?: boolean; columns?: number } = {}) {
  const written: string[] = [];
  const clock = { now: 0 };
  const progress = new Progress({ ...terminal, write: (text) => written.push(text) }, () => clock.now);
  return { progress, written, clock };
}

describe("progress", () => {
  test("without a terminal is a line a step and one a tenth", () => {
    const { progress, written } = screen();
    progress.begin("loading", 20_000_000);
    for (let part = 0; part < 100; part++) progress.advance(100_000);
    progress.end();
    expect(written).toEqual([
      "loading (20 MB)\n",
      "  10 %\n",
      "  20 %\n",
      "  30 %\n",
      "  40 %\n",
      "  50 %\n",
    ]);
  });

  test("on a terminal is a bar that is drawn again, but not for every byte", () => {
    const { progress, written, clock } = screen({ isTTY: true, columns: 80 });
    progress.begin("loading", 2_000_000);
    for (let part = 0; part < 100; part++) progress.advance(10_000);
    clock.now = 1000;
    progress.advance(0);
    expect(written).toEqual([
      "\r\u001b[Kloading [                        ] 10 kB of 2 MB",
      "\r\u001b[Kloading [############            ] 1 MB of 2 MB",
    ]);
    progress.end();
    expect(written.at(-1)).toBe("\r\u001b[K");
  });

  test("is never wider than the terminal, and needs no total", () => {
    const { progress, written } = screen({ isTTY: true, columns: 20 });
    progress.begin("fetching the images", 0);
    progress.advance(5_000_000);
    expect(written).toEqual(["\r\u001b[Kfetching the images"]);
  });
});

test.for([
  [0, "0 kB"],
  [1, "1 kB"],
  [999_999, "1000 kB"],
  [139_360_875, "139 MB"],
] as const)("%d bytes read %s", ([bytes, text]) => {
  expect(megabytes(bytes)).toBe(text);
});
