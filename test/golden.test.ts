import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseJson } from "../src/layout/json.ts";
import { baseFileName, type Dialect, generateKll } from "../src/layout/kll.ts";
import { checkBase, checkLayout } from "../src/layout/schema.ts";

const golden = join(import.meta.dirname, "../../shared/golden");
const present = existsSync(golden);
interface GoldenCase {
  layout: string;
  dialect: Dialect;
  expected: string;
}
const cases: GoldenCase[] = present ? JSON.parse(readFileSync(join(golden, "cases.json"), "utf8")) : [];

function read(name: string) {
  return parseJson(readFileSync(join(golden, name))).value;
}

describe.skipIf(!present)("the predecessor's output, byte for byte", () => {
  it("has all 24 cases", () => expect(cases).toHaveLength(24));

  it.for(cases)("$layout in $dialect", ({ layout, dialect, expected }) => {
    const checked = checkLayout(read(layout), "config");
    if (!checked.ok) throw new Error(JSON.stringify(checked.complaints));
    const base = checkBase(read(`layouts/${baseFileName(checked.value.header, dialect)}`));
    if (!base.ok) throw new Error(JSON.stringify(base.complaints));
    const kll = generateKll(checked.value, base.value, dialect, "config");
    if (!kll.ok) throw new Error(JSON.stringify(kll.complaints));
    const names = readdirSync(join(golden, expected)).sort();
    expect(names.length).toBeGreaterThan(0);
    expect(kll.value.files.map((file) => file.name).sort()).toEqual(names);
    for (const file of kll.value.files) {
      expect(file.text).toBe(readFileSync(join(golden, expected, file.name), "utf8"));
      expect(file.origins).toHaveLength(file.text.split("\n").length);
    }
  });
});
