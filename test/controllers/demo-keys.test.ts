import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bootKeyboard, type Keyboard } from "../../scripts/keyboard.ts";
import { image, requireImage, runIn, threeLayers, Workshop } from "../support/demo.ts";

const board = readFileSync(join(import.meta.dirname, "../../controllers/demo/maps/Demo.kll"), "utf8");
let workshop: Workshop;
let keyboard: Keyboard;

/** The scan code of a key by its name on the board. */
function code(name: string): number {
  const found = board.match(new RegExp(`^S(0x..) : U"${name}";$`, "m"))?.[1];
  if (found === undefined) throw new Error(`the board has no key ${name}`);
  return Number(found);
}

beforeAll(async () => {
  await requireImage(image);
  await requireImage("kiisrv-emulator");
  workshop = await Workshop.open();
  expect(await workshop.build("keys", threeLayers)).toMatchObject({ status: 0 });
});
afterAll(() => workshop.close());

describe("the firmware, in the emulator", () => {
  beforeEach(async () => {
    keyboard = await bootKeyboard(join(await workshop.output("keys"), "kiibohd.elf"));
  });
  afterEach(() => keyboard.stop());

  const press = (name: string) => keyboard.press(code(name));
  const release = (name: string) => keyboard.release(code(name));
  const tap = (name: string) => keyboard.tap(code(name));

  it("says what it is", async () => {
    const events = ['info name "Demo" layout "Test" keys 61 layers 3'];
    expect(await keyboard.ready).toEqual({ events, error: null });
    expect(await keyboard.send("?")).toEqual({ events, error: null });
  });

  it("sends what the layout says, and the board's own usage where it says nothing", async () => {
    expect(await tap("A")).toEqual(["press U 0x05 B", "release U 0x05 B"]);
    expect(await tap("Q")).toEqual(["press U 0x14 Q", "release U 0x14 Q"]);
    expect(await tap("CAPSLOCK")).toEqual([]);
  });

  it("shifts to a layer while the key is held; keys the layer leaves out fall through", async () => {
    expect(await press("FUN1")).toEqual(["layer 1 on"]);
    expect(await tap("A")).toEqual(["press CONS 0xE9 VOLUMEUP", "release CONS 0xE9 VOLUMEUP"]);
    expect(await tap("S")).toEqual(["press SYS 0x82 SLEEP", "release SYS 0x82 SLEEP"]);
    expect(await tap("D")).toEqual(["press U 0x07 D", "release U 0x07 D"]);
    expect(await tap("CAPSLOCK")).toEqual([]);
    expect(await release("FUN1")).toEqual(["layer 1 off"]);
    expect(await tap("S")).toEqual(["press U 0x16 S", "release U 0x16 S"]);
  });

  it("toggles a layer on and off", async () => {
    expect(await tap("APP")).toEqual(["layer 2 on"]);
    expect(await tap("A")).toEqual(["press U 0x59 P1", "release U 0x59 P1"]);
    expect(await tap("ESC")).toEqual(["press U 0x31 BACKSLASH", "release U 0x31 BACKSLASH"]);
    expect(await tap("S")).toEqual(["press U 0x16 S", "release U 0x16 S"]);
    expect(await tap("APP")).toEqual(["layer 2 off"]);
    expect(await tap("A")).toEqual(["press U 0x05 B", "release U 0x05 B"]);
  });

  it("asks the layer first that came on last, then those below it", async () => {
    await tap("APP");
    await press("FUN1");
    expect(await press("A")).toEqual(["press CONS 0xE9 VOLUMEUP"]);
    expect(await press("D")).toEqual(["press U 0x57 P+"]);
    expect(await tap("APP")).toEqual(["layer 2 off"]);
    expect(await release("D")).toEqual(["release U 0x57 P+"]);
  });

  it("releases what was pressed, whatever the layers are by then", async () => {
    expect(await press("A")).toEqual(["press U 0x05 B"]);
    await press("FUN1");
    expect(await release("A")).toEqual(["release U 0x05 B"]);
    expect(await press("A")).toEqual(["press CONS 0xE9 VOLUMEUP"]);
    expect(await release("FUN1")).toEqual(["layer 1 off"]);
    expect(await release("A")).toEqual(["release CONS 0xE9 VOLUMEUP"]);
  });

  it("latches a layer for one key", async () => {
    expect(await tap("RCTRL")).toEqual(["layer 1 on"]);
    expect(await press("A")).toEqual(["press CONS 0xE9 VOLUMEUP", "layer 1 off"]);
    expect(await release("A")).toEqual(["release CONS 0xE9 VOLUMEUP"]);
    await press("RCTRL");
    await tap("A");
    expect(await release("RCTRL")).toEqual(["layer 1 off"]);
  });

  it("keeps a layer on that two keys hold", async () => {
    await press("FUN1");
    expect(await press("RCTRL")).toEqual([]);
    expect(await release("FUN1")).toEqual([]);
    expect(await tap("A")).toEqual(["press CONS 0xE9 VOLUMEUP", "release CONS 0xE9 VOLUMEUP"]);
    expect(await release("RCTRL")).toEqual(["layer 1 off"]);
  });

  it("lets a layout put a function key wherever it likes", async () => {
    expect(await press("RALT")).toEqual(["layer 2 on"]);
    expect(await release("RALT")).toEqual(["layer 2 off"]);
  });

  it.for([
    ["+0x00", "the board has no key with that scan code"],
    ["+0xFF", "the board has no key with that scan code"],
    ["-0x1E", "that key is up already"],
    ["+", "a scan code is 0x and one or two hexadecimal digits"],
    ["+0x", "a scan code is 0x and one or two hexadecimal digits"],
    ["+0x123", "a scan code is 0x and one or two hexadecimal digits"],
    ["+1E", "a scan code is 0x and one or two hexadecimal digits"],
    ["+0x1G", "a scan code is 0x and one or two hexadecimal digits"],
    ["hello", "unknown command: +0x1E presses a key, -0x1E releases it, ? tells what this is"],
    ["x".repeat(32), "the line is too long"],
  ] as const)("refuses %s and goes on", async ([command, error]) => {
    expect(await keyboard.send(command)).toEqual({ events: [], error });
    expect(await tap("Q")).toEqual(["press U 0x14 Q", "release U 0x14 Q"]);
  });

  it("reads a line that never seems to end to its end", async () => {
    const { error } = await keyboard.send("x".repeat(100_000));
    expect(error).toBe("the line is too long");
    expect(await tap("Q")).toEqual(["press U 0x14 Q", "release U 0x14 Q"]);
  });

  it("loses nothing of a burst", async () => {
    const taps = await Promise.all(Array.from({ length: 500 }, () => tap("Q")));
    expect(taps).toEqual(Array(500).fill(["press U 0x14 Q", "release U 0x14 Q"]));
  });
});

it("prints a fault and halts", async () => {
  const volume = `${await workshop.output("keys")}:/mnt/builds:ro`;
  const symbols = await runIn(["--volume", volume], ["arm-none-eabi-nm", "/mnt/builds/kiibohd.elf"]);
  const main = Number.parseInt(/^(\w+) T main$/m.exec(symbols.log)?.[1] ?? "", 16);
  const firmware = await readFile(join(await workshop.output("keys"), "kiibohd.dfu.bin"));
  firmware.writeUInt16LE(0xde00, main); // an instruction that is defined to be undefined
  const path = join(workshop.path, "faulty.bin");
  await writeFile(path, firmware);
  const address = main.toString(16).toUpperCase().padStart(8, "0");
  await expect(bootKeyboard(path)).rejects.toThrow(`fault: exception 3 at 0x${address}`);
});
