import { beforeAll, expect, it } from "vitest";
import { image, requireImage, runIn } from "../support/demo.ts";

beforeAll(() => requireImage(image));

/** What the building of the image runs, with a fault planted before. */
function prove(fault: string) {
  const program = `
import pathlib
from toolchain import units
${fault}
from controller.prepare import NotTheSame, prepare
try:
    prepare(pathlib.Path("/tmp/prepared"))
except NotTheSame as problem:
    raise SystemExit(f"not the same: {problem}")
`;
  return runIn(["--workdir", "/opt/demo"], ["python3", "-c", program]);
}

it("passes while it is whole", async () => {
  const { status, log } = await prove("");
  expect(status, log).toBe(0);
  expect(log.match(/^proof: .*$/gm)).toHaveLength(8);
});

it.for([
  [
    "a key that leaves out a macro",
    `
honest = units.Survey.words
def words(self):
    found = honest(self)
    for unit in self.units:
        unit.names = [name for name in unit.names if name != "KEYMAP_LAYERS"]
    return found
units.Survey.words = words`,
    "layout edited: kiibohd.dfu.bin",
  ],
  [
    "a key that knows nothing of the headers that are read",
    `
honest = units.Survey.words
def words(self):
    found = honest(self)
    for unit in self.units:
        unit.reads = [file for file in unit.reads if file == "keymap.c"]
    return found
units.Survey.words = words`,
    "layout edited: kiibohd.dfu.bin",
  ],
  [
    "an option that changes code",
    `
from controller import cold, firmware
honest = firmware.units
firmware.units = lambda: [units.Unit(unit.name, [*unit.command, "-O0"]) for unit in honest()]`,
    "layout stock: kiibohd.dfu.bin, size.json",
  ],
] as const)("finds %s", async ([, fault, said]) => {
  const { status, log } = await prove(fault);
  expect(status).toBe(1);
  expect(log).toContain(`not the same: ${said}`);
});
