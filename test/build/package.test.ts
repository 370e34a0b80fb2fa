import { createHash } from "node:crypto";
import { buffer } from "node:stream/consumers";
import fc from "fast-check";
import { expect, test } from "vitest";
import { fromBufferPromise } from "yauzl";
import { type PackageContent, packageBuild } from "../../src/build/package.ts";
import { outputOf } from "../support/child.ts";

const files = [
  { name: "Demo-Standard.json", text: '{"header":{}}' },
  { name: "Demo-Standard-0.kll", text: "layer 0" },
  { name: "Demo-Standard-1.kll", text: "layer 1" },
];
/** What is in every zip of these files. */
const inputs = {
  "Demo-Standard-0.kll": "layer 0",
  "Demo-Standard-1.kll": "layer 1",
  "Demo-Standard.json": '{"header":{}}',
  "kll/Demo-Standard-0.kll": "layer 0",
  "kll/Demo-Standard-1.kll": "layer 1",
};

const output = (name: string, text = `<${name}>`) => ({ name, bytes: Buffer.from(text) });
const build = (...outputs: PackageContent["outputs"]): PackageContent => ({
  outputs,
  files,
  log: "run log",
  summary: [],
  failure: null,
});

interface Unpacked {
  names: string[];
  texts: Record<string, string>;
  modes: Set<number>;
  dates: Set<string>;
}

/** Reads a zip with a library other than the one that wrote it; checks names, sizes and checksums. */
async function unpack(zip: Buffer): Promise<Unpacked> {
  const found: Unpacked = { names: [], texts: {}, modes: new Set(), dates: new Set() };
  const file = await fromBufferPromise(zip, { strictFileNames: true });
  for await (const entry of file.eachEntry()) {
    const stream = await file.openReadStreamPromise(entry);
    found.names.push(entry.fileName);
    found.texts[entry.fileName] = (await buffer(stream)).toString();
    found.modes.add(entry.externalFileAttributes >>> 16);
    found.dates.add(entry.getLastModDate({ timezone: "UTC" }).toISOString());
  }
  return found;
}

const textsOf = async (content: PackageContent) => (await unpack(await packageBuild(content))).texts;

test("a package holds firmware, document, KLL files and logs where clients look for them", async () => {
  const zip = await packageBuild(
    build(
      output("kiibohd.secure.dfu.bin"),
      output("kiibohd.dfu.bin"),
      output("kiibohd.elf"),
      output("kll.json"),
      output("generatedKeymap.h"),
      output("log/usb_hid.h"),
      output("cmake.log"),
      output("extra/notes.txt"),
    ),
  );
  const { names, texts, modes, dates } = await unpack(zip);
  expect(texts).toEqual({
    ...inputs,
    "extra/notes.txt": "<extra/notes.txt>",
    "kiibohd.dfu.bin": "<kiibohd.dfu.bin>",
    "kiibohd.elf": "<kiibohd.elf>",
    "kiibohd.secure.dfu.bin": "<kiibohd.secure.dfu.bin>",
    "kll.json": "<kll.json>",
    "log/build.log": "run log",
    "log/cmake.log": "<cmake.log>",
    "log/generatedKeymap.h": "<generatedKeymap.h>",
    "log/usb_hid.h": "<log/usb_hid.h>",
  });
  expect(names).toEqual([...names].sort());
  expect(modes).toEqual(new Set([0o100644]));
  expect(dates).toEqual(new Set(["1980-01-01T00:00:00.000Z"]));
});

test("both halves of a split keyboard are at the top", async () => {
  const texts = await textsOf(build(output("left_kiibohd.dfu.bin"), output("right_kiibohd.dfu.bin")));
  expect(Object.keys(texts)).toEqual(
    expect.arrayContaining(["left_kiibohd.dfu.bin", "right_kiibohd.dfu.bin"]),
  );
});

test.each([
  ["the run's log, when the build wrote none", [], "run log"],
  ["build.log", ["build.log"], "<build.log>"],
  ["log/build.log", ["log/build.log"], "<log/build.log>"],
  ["log/build.log rather than build.log", ["build.log", "log/build.log"], "<log/build.log>"],
])("log/build.log is %s", async (_, names, expected) => {
  const texts = await textsOf(build(...names.map((name) => output(name))));
  expect(texts).toEqual({ ...inputs, "log/build.log": expected });
});

test.each([
  ["the run wrote none", []],
  ["the build wrote its own", [output("build.log", "run log")]],
])("the summary stands before the log, when %s", async (_, outputs) => {
  const texts = await textsOf({ ...build(...outputs), summary: ["flash 1 %", "RAM 2 %"] });
  expect(texts).toEqual({ ...inputs, "log/build.log": "flash 1 %\nRAM 2 %\n\nrun log" });
});

test("a failed build's errors are a file, and no output takes its place", async () => {
  const failure = { reason: "no", errors: [{ path: "config", message: "no" }] };
  const texts = await textsOf({ ...build(output("log/errors.json")), failure });
  expect(JSON.parse(texts["log/errors.json"] ?? "")).toEqual(failure);
});

test.each([
  "Demo-Standard.json",
  "demo-standard.JSON",
  "Demo-Standard-0.kll",
  "kll/Demo-Standard-1.kll",
  "KLL/demo-standard-1.kll",
  "kll",
  "Kll",
  "log",
  "Demo-Standard.json/inside",
])("an output called %s takes nobody's place", async (name) => {
  const texts = await textsOf(build(output(name), output("kiibohd.dfu.bin")));
  expect(texts).toEqual({ ...inputs, "kiibohd.dfu.bin": "<kiibohd.dfu.bin>", "log/build.log": "run log" });
});

test.each([
  "../up",
  "a/../../up",
  "/etc/cron",
  "..\\up",
  "C:evil.exe",
  "a//b",
  "a/",
  "",
  ".",
  "a/.",
  "new\nline",
  "nul\0",
])("an output called %j is left out", async (name) => {
  expect(await textsOf(build(output(name)))).toEqual({ ...inputs, "log/build.log": "run log" });
});

test("a header that is in log/ already keeps its place before one that is moved there", async () => {
  const texts = await textsOf(build(output("a.h"), output("log/a.h"), output("z.h"), output("log/z.h")));
  expect([texts["log/a.h"], texts["log/z.h"]]).toEqual(["<log/a.h>", "<log/z.h>"]);
});

test("names that differ in case only are both kept among the outputs", async () => {
  const texts = await textsOf(build(output("Keymap.bin"), output("keymap.bin")));
  expect([texts["Keymap.bin"], texts["keymap.bin"]]).toEqual(["<Keymap.bin>", "<keymap.bin>"]);
});

test("any outputs make a zip that others can read, the same one in whatever order they come", async () => {
  const segment = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,5}(\.(h|log|bin|json))?$/);
  const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
  const outputs = fc.uniqueArray(fc.record({ name: path, bytes: fc.uint8Array({ maxLength: 300 }) }), {
    selector: ({ name }) => name,
    maxLength: 12,
  });
  const shuffled = outputs.chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
  );
  await fc.assert(
    fc.asyncProperty(shuffled, async ([all, mixed]) => {
      const asOutputs = (list: typeof all) =>
        list.map(({ name, bytes }) => ({ name, bytes: Buffer.from(bytes) }));
      const zip = await packageBuild(build(...asOutputs(all)));
      const other = await packageBuild({ ...build(...asOutputs(mixed)), files: files.toReversed() });
      expect(other.equals(zip)).toBe(true);
      const { names, texts } = await unpack(zip);
      expect(new Set(names).size).toBe(names.length);
      expect(texts).toMatchObject(inputs);
      expect(names).toContain("log/build.log");
    }),
    { numRuns: 60 },
  );
});

test("large outputs come out as they went in", async () => {
  const large = "0123456789abcdef".repeat(200_000);
  expect((await textsOf(build(output("kiibohd.elf", large))))["kiibohd.elf"]).toBe(large);
});

test("the time zone does not show", async () => {
  const digest = (zone: string): Promise<string> =>
    outputOf(
      `import { createHash } from "node:crypto";
       import { packageBuild } from "./src/build/package.ts";
       const outputs = [{ name: "kiibohd.dfu.bin", bytes: Buffer.from("firmware") }];
       const zip = await packageBuild({ outputs, files: [{ name: "a.kll", text: "a" }], log: "log", summary: [], failure: null });
       console.log(new Date(0).getHours(), createHash("sha256").update(zip).digest("hex"));`,
      { TZ: zone },
    );
  const [east, west] = await Promise.all([digest("Asia/Tokyo"), digest("America/Los_Angeles")]);
  expect([east.split(" ")[0], west.split(" ")[0]]).toEqual(["9", "16"]);
  expect(east.split(" ")[1]).toBe(west.split(" ")[1]);
  const here = await packageBuild({
    outputs: [output("kiibohd.dfu.bin", "firmware")],
    files: [{ name: "a.kll", text: "a" }],
    log: "log",
    summary: [],
    failure: null,
  });
  expect(east.split(" ")[1]?.trim()).toBe(createHash("sha256").update(here).digest("hex"));
});
