import fc from "fast-check";
import { expect, test } from "vitest";
import { formatStats, type StatsSummary } from "../../src/store/summary.ts";

const empty: StatsSummary = {
  builds: 0,
  uniqueBuilds: 0,
  users: 0,
  layers: 0,
  buildMilliseconds: 0,
  os: [],
  platforms: [],
  keyboards: [],
  versions: [],
};

/** The figure that stands on a line of the text. */
function figure(summary: Partial<StatsSummary>, line: string): string | undefined {
  const text = formatStats({ ...empty, ...summary });
  return text.match(new RegExp(`^${line}: (\\S+)`, "m"))?.[1];
}

test("the text is the predecessor's", () => {
  const text = formatStats({
    builds: 3,
    uniqueBuilds: 2,
    users: 2,
    layers: 5,
    buildMilliseconds: 8401,
    os: [
      { name: "Linux", count: 2 },
      { name: "Mac", count: 1 },
    ],
    platforms: [{ name: "Web", count: 3 }],
    keyboards: [{ name: "KType-Standard", count: 3 }],
    versions: [{ name: "controller-057", count: 3 }],
  });
  expect(text).toBe(`Builds: 3 (2 unique)
Cache ratio: 1.5
Avg time: 4.200 s

Users: 2 unique
Avg builds per user: 1.5
Average number of layers: 1.6666666

OS Counts: {
    "Linux": 2,
    "Mac": 1,
}
Platform Counts: {
    "Web": 3,
}
Keyboard Counts: {
    "KType-Standard": 3,
}
Version Counts: {
    "controller-057": 3,
}

`);
});

test("of nothing there is a text, too", () => {
  expect(formatStats(empty)).toBe(`Builds: 0 (0 unique)
Cache ratio: 0.0
Avg time: 0.000 s

Users: 0 unique
Avg builds per user: 0.0
Average number of layers: 0

OS Counts: {}
Platform Counts: {}
Keyboard Counts: {}
Version Counts: {}

`);
});

test.each([
  [3, 3, "1.0"],
  [5, 4, "1.2"], // 1.25 is a tie
  [7, 4, "1.8"], // 1.75 as well
  [29, 20, "1.5"], // 1.45 lies above the tie as a 32-bit float, below it as a 64-bit one
  [1000, 3, "333.3"],
  [16_777_217, 1, "16777216.0"], // a 32-bit float holds 24 bits
])("a cache ratio of %i by %i is %s", (builds, uniqueBuilds, expected) => {
  expect(figure({ builds, uniqueBuilds }, "Cache ratio")).toBe(expected);
});

test.each([
  [12_600, 3, "4.200"],
  [12_602, 3, "4.200"],
  [999, 1000, "0.000"],
  [1000, 1000, "0.001"],
  [3_600_000, 1, "3600.000"],
])("%i ms over %i builds are %s s each", (buildMilliseconds, uniqueBuilds, expected) => {
  expect(figure({ buildMilliseconds, uniqueBuilds }, "Avg time")).toBe(expected);
});

test.each([
  [2, 1, "2"],
  [5, 3, "1.6666666"],
  [4, 3, "1.3333334"],
  [11, 10, "1.1"],
  [1, 3, "0.33333334"],
  [300, 7, "42.857143"],
])("%i layers in %i builds are %s on average", (layers, builds, expected) => {
  expect(figure({ layers, builds }, "Average number of layers")).toBe(expected);
});

test("the average of layers reads back as the same 32-bit float", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e7 }), fc.integer({ min: 1, max: 1e6 }), (layers, builds) => {
      const shown = figure({ layers, builds }, "Average number of layers");
      expect(Math.fround(Number(shown))).toBe(Math.fround(Math.fround(layers) / Math.fround(builds)));
    }),
  );
});

test.each([
  ["plain.Name_1 x", '"plain.Name_1 x"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ["a\tb\nc\rd\0", '"a\\tb\\nc\\rd\\0"'],
  ["\u001b[31m\u007f", '"\\u{1b}[31m\\u{7f}"'],
  ["it's é⌨", '"it\'s é⌨"'],
  ["\u202eright\u00a0\u2028", '"\\u{202e}right\\u{a0}\\u{2028}"'],
  ["\ud800", '"\\u{d800}"'],
])("the name %j is shown as %s", (name, shown) => {
  expect(formatStats({ ...empty, os: [{ name, count: 7 }] })).toContain(
    `OS Counts: {\n    ${shown}: 7,\n}\n`,
  );
});
