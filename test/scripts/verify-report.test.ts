import { describe, expect, it } from "vitest";
import type { Case } from "../../scripts/verify/cases.ts";
import { type Built, compareBuilds } from "../../scripts/verify/compare.ts";
import { type Row, writeReport } from "../../scripts/verify/report.ts";
import { bytesTogether, matchLayers } from "../../scripts/verify/sizes.ts";
import type { Way } from "../../scripts/verify/ways.ts";
import { testSpec } from "../support/runner.ts";

const one: Case = {
  board: "KType",
  variant: "",
  layout: "Edited",
  key: "k",
  spec: testSpec({ name: "kiisrv-controller-057", digest: null }, ["k-type.bash"]),
};
const size = JSON.stringify({ flash: { used: 30, total: 120 }, ram: { used: 1, total: 2 } });

const coldLog = "-- Configuring done\n[36/36] Linking C executable kiibohd.elf\n";
const fastLog = "compile: Macro/PartialMap/macro.c\n";

function built(way: Way, seconds: number, files: Record<string, string> = {}, log?: string): Built {
  const all = { "kiibohd.dfu.bin": "firmware", "size.json": size, ...files };
  const outputs = Object.entries(all).map(([name, text]) => ({ name, bytes: Buffer.from(text) }));
  const result = {
    status: "succeeded",
    reason: "",
    exitCode: 0,
    outputs,
    log: log ?? (way === "cold" ? coldLog : fastLog),
    milliseconds: 0,
  } as const;
  return { way, seconds, result };
}

function broken(way: Way): Built {
  const build = built(way, 1);
  return { ...build, result: { ...build.result, status: "failed", reason: "exit status 1", outputs: [] } };
}

describe("the builds of a layout", () => {
  it("that are the same make a row of their sizes and the medians of their times", () => {
    const builds = [9, 7, 8].flatMap((seconds) => [
      built("cold", seconds),
      built("fast", 1),
      built("warm", 0.5),
    ]);
    expect(compareBuilds("v0.5.7", one, builds)).toEqual({
      ...{ version: "v0.5.7", board: "KType", variant: "", layout: "Edited" },
      firmwares: [{ bytes: 8, flash: 25 }],
      ...{ cold: 8, fast: 1, warm: 0.5, rounds: 3, problems: [] },
    });
  });

  it.for([
    [
      "a file that differs",
      built("warm", 1, { "kiibohd.dfu.bin": "firmwarf" }),
      "warm differs from cold in kiibohd.dfu.bin",
    ],
    ["a file too many", built("fast", 1, { "kll.json": "{}" }), "fast differs from cold in kll.json"],
    ["a failure", broken("fast"), "fast: exit status 1"],
    ["a fall-back", built("fast", 9, {}, coldLog), "fast: it went another way"],
    ["a cold build that was none", built("cold", 1, {}, fastLog), "cold: it went another way"],
  ] as const)("are found out for %s", ([, build, problem]) => {
    expect(compareBuilds("v0.5.7", one, [built("cold", 8), build]).problems).toEqual([problem]);
  });

  it("that all fail are no success", () => {
    const { problems, firmwares } = compareBuilds("v0.5.7", one, [broken("cold"), broken("fast")]);
    expect(problems).toEqual(["cold: exit status 1", "fast: exit status 1"]);
    expect(firmwares).toEqual([]);
  });
});

describe("the page", () => {
  const row = compareBuilds("v0.5.7", one, [built("cold", 8), built("fast", 1), built("warm", 0.5)]);
  const page = (rows: Row[]) =>
    writeReport({
      ...{ date: "2020-01-02", machine: "2 cores", rows },
      images: [{ name: "kiisrv-controller-057", bytes: 300_400_000 }],
      togetherBytes: 1_200_000_000,
      archives: [{ name: "gzip", bytes: 99_600_000 }],
    }).split("\n");

  it("has a line for each layout, with its sizes, its times and whether all is identical", () => {
    const halves = [
      { bytes: 95_948, flash: 37.4 },
      { bytes: 1024, flash: null },
    ];
    const lines = page([
      row,
      { ...row, board: "MDErgo1", variant: "x", firmwares: halves, problems: ["warm: no"] },
    ]);
    expect(lines).toContain("| KType | Edited | v0.5.7 | 8 | 25 % | 8.00 | 1.00 | 0.50 | yes |");
    expect(lines).toContain(
      "| MDErgo1 x | Edited | v0.5.7 | 95,948 + 1,024 | 37 % + ? | 8.00 | 1.00 | 0.50 | **no**: warm: no |",
    );
    expect(lines).toContain("**2 layouts; with 1 of them something is wrong.**");
    expect(lines).toContain("| v0.5.7 | 8.0 x | 16.0 x |");
  });

  it("says when and where it was written, and how large the images are", () => {
    const lines = page([row]);
    expect(lines).toContain("Written by `make verify-images` on 2020-01-02: 2 cores.");
    expect(lines).toContain("**1 layouts: everything is identical.**");
    expect(lines).toContain("| kiisrv-controller-057 | 300 |");
    expect(lines).toContain("| all together on disk, shared layers counted once | 1,200 |");
    expect(lines).toContain("| all together in one archive, gzip | 100 |");
  });
});

describe("the layers of images", () => {
  it("are those steps that have a size, in the order they were made", () => {
    expect(matchLayers(["base", "tools"], [0, 0, 70, 0, 300])).toEqual([
      { digest: "base", bytes: 300 },
      { digest: "tools", bytes: 70 },
    ]);
    expect(() => matchLayers(["base", "empty"], [0, 300])).toThrow("2 layers, but 1 steps");
  });

  it("count once when they are shared", () => {
    const shared = { digest: "a", bytes: 300 };
    expect(
      bytesTogether([
        [shared, { digest: "b", bytes: 20 }],
        [shared, { digest: "c", bytes: 20 }],
      ]),
    ).toBe(340);
  });
});
