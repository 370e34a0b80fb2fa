import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { image, kll, type Maps, type Outcome, requireImage, threeLayers, Workshop } from "../support/demo.ts";

const golden = join(import.meta.dirname, "../../../shared/golden/expected");
const located = /^(?:[\w.-]+\.kll:\d+:\d+: )?(?:error|warning): /;
let workshop: Workshop;

beforeAll(async () => {
  await requireImage(image);
  workshop = await Workshop.open();
});
afterAll(() => workshop.close());

function oneMap(text: string | Buffer): Maps {
  return { files: { "L-0.kll": text }, base: "stdFuncMap L-0" };
}

/** Of a refused layout, every line but the closing count. */
function complaints(log: string): string[] {
  return log.trimEnd().split("\n").slice(0, -1);
}

/** A statement, the column of its fault, and how the complaint about it begins. */
const wrong = [
  ['U"A" : ;', 8, "expected a key or a capability, found ';'"],
  ['U"A" U"B";', 6, "expected ':', found 'U\"B\"'"],
  ['U"A" : U"B"', 12, "expected ';', found the end of the file"],
  ['U"A', 1, "quotes that are not closed"],
  ['U"A" : U"B;', 8, "quotes that are not closed"],
  ['Name = "Demo;', 8, "quotes that are not closed"],
  ['U"A" : U"B" + U"C";', 13, "combinations and sequences of keys are not supported"],
  ['U"A", U"B" : U"C";', 5, "combinations and sequences of keys are not supported"],
  ['U"A" :+ U"B";', 6, "the operator ':+' is not supported"],
  ['U"A" : "text";', 8, "expected a key or a capability"],
  ['U"A" : layerShift;', 18, "expected '('"],
  ['U"A" : layerShift( 1;', 21, "expected ','"],
  ['U"A" : layerShift();', 8, "layerShift takes one argument"],
  ['U"A" : layerShift( -1 );', 8, "layerShift takes one argument"],
  ['U"A" : layerShift( 0 );', 8, "layer 0 is out of range: there is no layer but 0"],
  ['U"A" : layerToggle( 1 );', 8, "layer 1 is out of range"],
  ['U"NOKEY" : U"A";', 1, "unknown key 'NOKEY'"],
  ['CONS"NOKEY" : U"A";', 1, "unknown key 'CONS:NOKEY'"],
  ['U"A" : SYS"MUTE";', 8, "unknown key 'SYS:MUTE'"],
  ['U"" : U"A";', 1, "unknown key ''"],
  ['S0x3F : U"A";', 1, "the board has no scan code 0x3F"],
  ["Name = Demo;", 8, "expected a text in double quotes"],
  ['Name = "De\tmo";', 8, "a control character in a text"],
  ['UartBaud = "fast";', 1, "UartBaud is a number from 300 to 750000"],
  ['UartBaud = "299";', 1, "UartBaud is a number from 300 to 750000"],
  ["A[] <= start;", 1, "an animation is written"],
  ["A[x, y] <= P[c:0%](1);", 1, "an animation is written"],
  ["A[x] <= start", 1, "an animation is written"],
  ["é", 1, "a statement cannot begin with 'é'"],
  ["\u001b[31m", 1, "a statement cannot begin with '\\x1b'"],
] as const;

describe("a wrong statement", () => {
  let outcomes: Outcome[];

  beforeAll(async () => {
    outcomes = await workshop.generate(
      "wrong",
      wrong.map(([statement]) => oneMap(kll(statement))),
    );
  });

  it.for(wrong.map((row, index) => ({ row, index, shown: JSON.stringify(row[0]) })))(
    "$shown",
    ({ row, index }) => {
      const [, column, message] = row;
      const { status, log } = outcomes[index] ?? { status: -1, log: "" };
      expect(status).toBe(1);
      expect(complaints(log)[0]?.slice(0, 80)).toContain(
        `L-0.kll:4:${column}: error: ${message}`.slice(0, 80),
      );
    },
  );

  it("is found although others went before, up to twenty of them", async () => {
    const [outcome] = await workshop.generate("many", [oneMap(kll('U"X" : U"NO";\n'.repeat(30)))]);
    const lines = complaints(outcome?.log ?? "");
    expect(lines.slice(0, 20)).toEqual(
      Array.from({ length: 20 }, (_, line) => `L-0.kll:${4 + line}:8: error: unknown key 'NO'`),
    );
    expect(lines.slice(20)).toEqual(["... and 10 more"]);
    expect(outcome?.log).toContain("30 errors");
  });

  it("may also be one of the whole layout", async () => {
    const outcomes = await workshop.generate("whole", [
      { files: {}, base: "stdFuncMap L-0" },
      { ...oneMap(kll("")), layers: "L-1" },
      { ...oneMap(kll("")), base: "stdFuncMap ../L-0" },
      { ...oneMap(kll("")), base: "" },
      { ...oneMap(kll("")), layers: Array(32).fill("L-0").join(";") },
      oneMap(Buffer.from('Name = "x";\n# \xe9', "latin1")),
    ]);
    expect(outcomes.map(({ status, log }) => [status, complaints(log)[0]])).toEqual([
      [1, "error: there is no map 'L-0.kll'"],
      [1, "error: there is no map 'L-1.kll'"],
      [1, "error: there is no map '../L-0.kll'"],
      [1, "error: DefaultMapOverride names no map for layer 0"],
      [1, "error: 33 layers; this firmware has room for 32"],
      [1, "L-0.kll:2:3: error: this is not UTF-8"],
    ]);
  });
});

it("warns of a function key whose layer is not there, and builds", async () => {
  const [outcome] = await workshop.generate("function", [oneMap(kll('U"FUN1" : U"FUNCTION1";\n'))]);
  expect(outcome?.status).toBe(0);
  expect(outcome?.log).toContain("L-0.kll:4:11: warning: 'FUNCTION1' does nothing: its layer is not there");
});

it("never falls over, whatever it is given", { timeout: 110_000 }, async () => {
  const [text = ""] = Object.values(threeLayers.files).map(String);
  const scraps = fc.constantFrom(
    ..."\"';:#=()[]<>,+-\\\n\t\0 é€💡UASx0",
    'U"',
    "CONS",
    "A[",
    "<=",
    "layerShift(",
  );
  const broken = fc
    .array(fc.tuple(fc.nat(text.length), fc.nat(12), scraps), { minLength: 1, maxLength: 8 })
    .map((cuts) =>
      cuts.reduce((now, [at, gone, scrap]) => now.slice(0, at) + scrap + now.slice(at + gone), text),
    );
  const noise = fc.string({ unit: scraps, maxLength: 200 });
  const layouts = fc.sample(fc.oneof(broken, noise), { numRuns: 100, seed: 20 }).map((map) => ({
    ...threeLayers,
    files: { ...threeLayers.files, "Demo-Test-0.kll": map },
  }));
  const outcomes = await workshop.generate("broken", layouts);
  expect(outcomes).toHaveLength(layouts.length);
  expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set([0, 1]));
  for (const { status, log } of outcomes) {
    const lines = complaints(log).filter((line) => !/^\.\.\. and \d+ more$/.test(line));
    expect(lines.filter((line) => !located.test(line))).toEqual([]);
    expect(lines.some((line) => line.includes("error: "))).toBe(status === 1);
  }
});

describe.skipIf(!existsSync(golden))("the layouts of the keyboards in the field", () => {
  const directories = ["current", "legacy"].flatMap((dialect) =>
    readdirSync(join(golden, dialect)).map((name) => join(golden, dialect, name)),
  );
  const layouts = () =>
    directories.map((directory) => {
      const names = readdirSync(directory).sort();
      const stems = names.map((name) => basename(name, ".kll"));
      const files = Object.fromEntries(names.map((name) => [name, readFileSync(join(directory, name))]));
      return { files, base: `stdFuncMap ${stems[0]}`, layers: stems.slice(1).join(";") };
    });

  it("are read whole: only keys and capabilities that the board lacks are refused", async () => {
    const outcomes = await workshop.generate("golden", layouts());
    expect(outcomes).toHaveLength(24);
    for (const { log } of outcomes) {
      const other = log
        .split("\n")
        .filter((line) => !/the board has no key|unknown capability|warning/.test(line));
      const expected = /^$|^keymap: |^\.\.\. and \d+ more$|^\d+ errors in/;
      expect(other.filter((line) => !expected.test(line))).toEqual([]);
    }
  });

  it("name no key that is unknown", async () => {
    const maps = layouts().flatMap(({ files }) => Object.values(files).map(String));
    const keys = new Set(maps.join("").match(/\b(?:U|CONS|SYS)"[^"\n]+"/g));
    expect(keys.size).toBeGreaterThan(100);
    const body = [...keys].map((key) => `S0x01 : ${key};\n`).join("");
    const [outcome] = await workshop.generate("names", [oneMap(kll(body))]);
    expect(outcome).toMatchObject({ status: 0 });
  });
});
