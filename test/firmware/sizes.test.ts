import { expect, test } from "vitest";
import { readSizes, sizeLines } from "../../src/firmware/sizes.ts";

const size = { flash: { used: 61_234, total: 262_144 }, ram: { used: 15_000, total: 65_536 } };
const other = { flash: { used: 0, total: 1000 }, ram: { used: 1000, total: 1000 } };
const one = ["kiibohd.dfu.bin", "kiibohd.elf"];
const halves = ["left_kiibohd.dfu.bin", "right_kiibohd.dfu.bin"];
const file = (name: string, value: unknown) => ({ name, bytes: Buffer.from(JSON.stringify(value)) });

/** The end of a log of the images in the field. */
const printed = [
  "[41/41] Chip usage for mk20dx256vlh7",
  "\u001b[0m\t SRAM: \t\u001b[1m44%\u001b[0m \t29360/65536\tbytes",
  "\tFlash: \t37% \t95932/253952\tbytes",
  "",
].join("\n");
const fromLog = { flash: { used: 95_932, total: 253_952 }, ram: { used: 29_360, total: 65_536 } };

test("the size of a firmware is what its size.json says", () => {
  const outputs = [file("size.json", { ...size, more: 1 })];
  expect(readSizes({ required: one, outputs, log: printed })).toEqual({ "kiibohd.dfu.bin": size });
});

test("each half of a split board has its own", () => {
  const outputs = [file("right_size.json", other), file("left_size.json", size)];
  expect(readSizes({ required: halves, outputs, log: "" })).toEqual({
    "left_kiibohd.dfu.bin": size,
    "right_kiibohd.dfu.bin": other,
  });
});

test("where there is none, what the field's build prints counts", () => {
  expect(readSizes({ required: one, outputs: [], log: printed })).toEqual({ "kiibohd.dfu.bin": fromLog });
});

test("two of those are the halves, left before right; any other number is nobody's", () => {
  const log = printed + printed.replace("95932", "95000");
  expect(readSizes({ required: halves, outputs: [], log })).toEqual({
    "left_kiibohd.dfu.bin": fromLog,
    "right_kiibohd.dfu.bin": { ...fromLog, flash: { used: 95_000, total: 253_952 } },
  });
  expect(readSizes({ required: one, outputs: [], log })).toBeNull();
  expect(readSizes({ required: halves, outputs: [], log: printed })).toBeNull();
});

test.each([
  ["no JSON", Buffer.from("{")],
  ["no object", Buffer.from("null")],
  ["a memory less", Buffer.from(JSON.stringify({ flash: size.flash }))],
  ["more used than there is", Buffer.from(JSON.stringify({ ...size, ram: { used: 2, total: 1 } }))],
  ["nothing at all", Buffer.from(JSON.stringify({ ...size, ram: { used: 0, total: 0 } }))],
  ["parts of bytes", Buffer.from(JSON.stringify({ ...size, ram: { used: 0.5, total: 1 } }))],
  ["less than nothing", Buffer.from(JSON.stringify({ ...size, ram: { used: -1, total: 1 } }))],
  ["texts", Buffer.from(JSON.stringify({ ...size, ram: { used: "1", total: "2" } }))],
  [
    "numbers beyond counting",
    Buffer.from('{"flash":{"used":1,"total":1e999},"ram":{"used":1,"total":1e300}}'),
  ],
  ["megabytes of blanks", Buffer.from(JSON.stringify(size) + " ".repeat(5000))],
])("a size.json with %s does not count", (_, bytes) => {
  expect(readSizes({ required: one, outputs: [{ name: "size.json", bytes }], log: "" })).toBeNull();
});

test.each([
  "\tSRAM: \t44% \t29360/65536\tbytes\n",
  "\tFlash: \t37% \t95932/253952\tbytes\n",
  "\tSRAM: \t44% \t9/6\tbytes\n\tFlash: \t37% \t1/2\tbytes\n",
  "\tSRAM: \t44% \t1/0\tbytes\n\tFlash: \t37% \t1/2\tbytes\n",
  `\tSRAM: \t44% \t${"9".repeat(400)}/1\tbytes\n\tFlash: \t37% \t1/2\tbytes\n`,
])("%j is no report", (log) => expect(readSizes({ required: one, outputs: [], log })).toBeNull());

test("a log of nothing but escapes takes no long time", { timeout: 20_000 }, () => {
  const log = "\u001b]".repeat(500_000);
  expect(readSizes({ required: one, outputs: [], log: `${log}\n${printed}` })).not.toBeNull();
});

test("a person reads a line a firmware", () => {
  expect(sizeLines({ "kiibohd.dfu.bin": size })).toEqual([
    "kiibohd.dfu.bin: flash 61,234 of 262,144 bytes (23 %), RAM 15,000 of 65,536 bytes (23 %)",
  ]);
});
