import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { image, kll, requireImage, threeLayers, Workshop } from "../support/demo.ts";

let workshop: Workshop;

beforeAll(async () => {
  await requireImage(image);
  workshop = await Workshop.open();
});
afterAll(() => workshop.close());

async function outputs(name: string): Promise<Map<string, Buffer>> {
  const directory = await workshop.output(name);
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const read = files
    .sort()
    .map(async (path) => [path.slice(directory.length + 1), await readFile(path)] as const);
  return new Map(await Promise.all(read));
}

describe("a build of the demo controller", () => {
  let log: string;
  let made: Map<string, Buffer>;

  beforeAll(async () => {
    const outcome = await workshop.build("three-layers", threeLayers);
    expect(outcome).toMatchObject({ status: 0, done: true });
    log = outcome.log;
    made = await outputs("three-layers");
  });

  const json = (name: string) => JSON.parse(String(made.get(name)));

  it("leaves the firmware, what it was made from and nothing else", () => {
    expect([...made.keys()]).toEqual([
      "kiibohd.dfu.bin",
      "kiibohd.elf",
      "kll.json",
      "log/keymap.h",
      "log/kll_defs.h",
      "size.json",
    ]);
    expect(String(made.get("log/keymap.h"))).toContain("#define KEYMAP_LAYERS 3\n");
    expect(String(made.get("log/kll_defs.h"))).toContain('#define KLL_Layout "Test"\n');
  });

  it("ends the firmware in a DFU suffix whose checksum is right", () => {
    const firmware = made.get("kiibohd.dfu.bin") ?? Buffer.alloc(0);
    expect(firmware.subarray(-8, -5).toString()).toBe("UFD");
    expect(firmware.readUInt32LE(firmware.length - 4)).toBe(~crc32(firmware.subarray(0, -4)) >>> 0);
  });

  it("tells in kll.json what every key does on every layer", () => {
    const document = json("kll.json");
    expect(document.counts).toEqual({ keys: 61, layers: 3, mapped: 61 + 3 + 3, animations: 1, frames: 2 });
    expect(document.animations).toEqual({ glow: { frames: 2 } });
    const actions = document.layers.map((layer: { keys: unknown }) => layer.keys);
    expect(actions[0]["0x1E"]).toEqual({
      base: "A",
      action: { type: "usage", page: "U", id: "0x05", name: "B" },
    });
    expect(actions[0]["0x1D"]).toEqual({ base: "CAPSLOCK", action: { type: "none" } });
    expect(actions[0]["0x3A"]).toEqual({ base: "RALT", action: { type: "shift", layer: 2 } });
    expect(actions[0]["0x3C"]).toEqual({ base: "APP", action: { type: "toggle", layer: 2 } });
    expect(actions[0]["0x3D"]).toEqual({ base: "RCTRL", action: { type: "latch", layer: 1 } });
    expect(actions[1]["0x1E"].action).toEqual({
      type: "usage",
      page: "CONS",
      id: "0xE9",
      name: "VOLUMEUP",
    });
    expect(actions[2]["0x01"].action.name).toBe("BACKSLASH");
  });

  it("reports how much of the chip it takes, in the log too", () => {
    const { flash, ram } = json("size.json");
    expect(flash.total).toBe(256 * 1024);
    expect(ram.total).toBe(64 * 1024);
    expect(flash.used).toBe((made.get("kiibohd.dfu.bin")?.length ?? 0) - 16);
    expect(ram.used).toBeGreaterThan(2048);
    expect(log).toMatch(new RegExp(`flash +${flash.used} +262144`));
  });

  it("gives the same bytes and the same log from another directory", async () => {
    const again = await workshop.build("elsewhere-2", threeLayers);
    expect(again.log).toBe(log);
    expect(await outputs("elsewhere-2")).toEqual(made);
  });

  it("gives other bytes for another key", async () => {
    const files = { ...threeLayers.files, "Demo-Test-2.kll": kll('U"A" : U"P2";\n') };
    expect(await workshop.build("other-key", { ...threeLayers, files })).toMatchObject({ status: 0 });
    expect((await outputs("other-key")).get("kiibohd.dfu.bin")).not.toEqual(made.get("kiibohd.dfu.bin"));
  });

  it("replaces what an earlier build left", async () => {
    const files = { "Demo-Test-0.kll": kll('U"A" : U"C";\n') };
    const earlier = { files, base: "stdFuncMap Demo-Test-0" };
    expect(await workshop.build("again", earlier)).toMatchObject({ status: 0 });
    expect(await workshop.build("again", threeLayers)).toMatchObject({ status: 0 });
    expect(await outputs("again")).toEqual(made);
  });
});

describe("a build that cannot be", () => {
  const plain = { files: { "L-0.kll": kll('U"A" : U"B";\n') }, base: "stdFuncMap L-0" };

  it("names file, line and column of everything that is wrong, and leaves no output", async () => {
    const files = {
      "L-0.kll": kll('U"A" : U"B";\nU"S" : U"FOO";\nU"D" : layerShift( 7 );\nU"F12" : U"A";\n'),
      "L-1.kll": kll('U"A" : flashMode();\nU"S" = U"A";\n'),
    };
    const outcome = await workshop.build("wrong", { files, base: "stdFuncMap L-0", layers: "L-1" });
    expect(outcome.status).toBe(1);
    expect(outcome.log.split("\n")).toEqual([
      "L-1.kll:5:6: error: expected ':', found '='",
      "L-0.kll:5:8: error: unknown key 'FOO'",
      "L-0.kll:6:8: error: layer 7 is out of range: layers 1 to 1 are there",
      "L-0.kll:7:1: error: the board has no key 'F12'",
      "L-1.kll:4:8: error: unknown capability 'flashMode' (known: layerLatch, layerLock, layerShift, layerToggle)",
      "5 errors in the layout's maps",
      "",
    ]);
    expect([...(await outputs("wrong")).keys()]).toEqual([]);
  });

  it("says that a firmware is too big for the chip", async () => {
    const files = { "L-0.kll": kll('U"A" : U"B";\n', "x".repeat(300_000)) };
    const outcome = await workshop.build("too-big", { files, base: "stdFuncMap L-0" });
    expect(outcome.status).toBe(1);
    expect(outcome.log).toMatch(/region `FLASH' overflowed by \d+ bytes/);
    expect([...(await outputs("too-big")).keys()]).toEqual([]);
  });

  it.for([
    ["an unknown build script", ["other.bash", "refused", "a.zip"], "unknown build script 'other.bash'"],
    ["an input directory elsewhere", ["demo.bash", "../refused", "a.zip"], "no name of an input directory"],
    ["an input directory that is not there", ["demo.bash", "absent", "a.zip"], "there is no input directory"],
    ["too few arguments", ["demo.bash"], "three arguments are needed"],
  ] as const)("refuses %s", async ([, command, reason]) => {
    const outcome = await workshop.build("refused", plain, { command: [...command] });
    expect(outcome.status).toBe(1);
    expect(outcome.log).toContain(reason);
  });
});
