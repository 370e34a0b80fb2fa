import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { image, kll, type Maps, requireImage, runIn, threeLayers, Workshop } from "../support/demo.ts";

let workshop: Workshop;

beforeAll(async () => {
  await requireImage(image);
  workshop = await Workshop.open();
});
afterAll(() => workshop.close());

const sources = ["console", "keys", "layers", "main", "matrix", "report", "startup", "uart", "keymap"];
const warning = "warning: the fast way failed, which it should not; going the long way";

/** A layout of so many layers; `body` is layer 0. */
function layout(body: string, layers = 1): Maps {
  const stems = Array.from({ length: layers }, (_, number) => `L-${number}`);
  const files = Object.fromEntries(stems.map((stem, number) => [`${stem}.kll`, kll(number ? "" : body)]));
  return { files, base: "stdFuncMap L-0", layers: stems.slice(1).join(";") };
}

/** Builds a layout: the sources that were compiled, and the bytes that both ways must have in common. */
async function build(name: string, maps: Maps, options: string[] = []) {
  const { status, log } = await workshop.build(name, maps, { options });
  expect(status, log).toBe(0);
  const directory = await workshop.output(name);
  const made = ["kiibohd.dfu.bin", "kll.json", "size.json", "log/keymap.h", "log/kll_defs.h"];
  const outputs = await Promise.all(made.map((file) => readFile(join(directory, file))));
  return { log, outputs, compiled: [...log.matchAll(/^compile: (\w+)\.c$/gm)].map(([, source]) => source) };
}

const cold = ["--env", "KIISRV_COLD=1"];

describe("a build that finds objects in the store", () => {
  it.for([
    ["a key", layout('U"A" : U"B";\n'), ["keymap"]],
    ["three layers", threeLayers, ["keymap"]],
    ["eight layers", layout("", 8), ["keymap"]],
    ["more layers than usual", layout("", 11), ["console", "layers", "keymap"]],
    ["another speed of the console", layout('UartBaud = "57600";\n'), ["uart", "keymap"]],
    ["both", layout('UartBaud = "57600";\n', 11), ["console", "layers", "uart", "keymap"]],
    ["a variable no source asks for", layout('Anything = "else";\n'), ["keymap"]],
  ] as const)(
    "compiles only what %s changes, and gives the bytes of one that compiles all",
    async ([what, maps, expected]) => {
      const name = what.replaceAll(" ", "-");
      const fast = await build(name, maps);
      expect(fast.compiled).toEqual(expected);
      const long = await build(`${name}-cold`, maps, cold);
      expect(long.compiled).toEqual(sources);
      expect(long.log).not.toContain(warning);
      expect(fast.outputs).toEqual(long.outputs);
    },
  );

  it("compiles all of it where the store is empty", async () => {
    const empty = join(workshop.path, "empty");
    await mkdir(empty);
    const store = ["--volume", `${empty}:/opt/demo/prepared/objects:ro`];
    const built = await build("empty-store", threeLayers, store);
    expect(built.compiled).toEqual(sources);
    expect(built.log).not.toContain(warning);
    expect(built.outputs).toEqual((await build("full-store", threeLayers)).outputs);
  });
});

describe("a build whose fast way fails", () => {
  it.for(["units.json", "words.json"])("says so and goes the long way: %s is broken", async (file) => {
    const broken = join(workshop.path, file);
    await writeFile(broken, "{");
    const options = ["--volume", `${broken}:/opt/demo/prepared/${file}:ro`];
    const built = await build(`broken-${file}`, threeLayers, options);
    expect(built.log).toContain("JSONDecodeError");
    expect(built.log).toContain(`\n${warning}\n`);
    expect(built.compiled).toEqual(sources);
    expect(built.outputs).toEqual((await build(`whole-${file}`, threeLayers)).outputs);
  });

  it("says so and goes the long way: the store's objects are none", async () => {
    const { log } = await runIn([], ["ls", "/opt/demo/prepared/objects"]);
    const garbage = join(workshop.path, "garbage");
    await mkdir(garbage);
    for (const name of log.trimEnd().split("\n")) await writeFile(join(garbage, name), "garbage");
    const options = ["--volume", `${garbage}:/opt/demo/prepared/objects:ro`];
    const built = await build("garbage", threeLayers, options);
    expect(built.log).toContain(`\n${warning}\n`);
    expect(built.compiled).toEqual(["keymap", ...sources]);
    expect(built.outputs).toEqual((await build("no-garbage", threeLayers)).outputs);
  });

  it.for([
    ["generator", layout('U"A" : U"NO";\n'), "unknown key 'NO'"],
    ["linker", { ...layout(""), files: { "L-0.kll": kll("", "x".repeat(300_000)) } }, "overflowed by"],
  ] as const)("stands by the %s's verdict on the layout", async ([what, maps, said]) => {
    const { status, log } = await workshop.build(`verdict-${what}`, maps);
    expect(status).toBe(1);
    expect(log).toContain(said);
    expect(log).not.toContain(warning);
  });
});
