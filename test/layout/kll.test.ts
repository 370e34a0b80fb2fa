import { describe, expect, it } from "vitest";
import type { JsonValue } from "../../src/layout/json.ts";
import { baseFileName, type Dialect, generateKll } from "../../src/layout/kll.ts";
import { checkBase, checkLayout } from "../../src/layout/schema.ts";
import { readVectors } from "../support/vectors.ts";

const vectors = readVectors();

function generate(document: JsonValue, baseDocument: JsonValue, dialect: Dialect) {
  const layout = checkLayout(document, "config");
  const base = checkBase(baseDocument);
  if (!layout.ok || !base.ok) throw new Error(JSON.stringify({ layout, base }));
  return { header: layout.value.header, kll: generateKll(layout.value, base.value, dialect, "config") };
}

describe("layouts with the KLL they become, by rule", () => {
  it("covers every rule", () => {
    const rules = new Set(vectors.map(({ rule }) => Number.parseInt(rule, 10)));
    expect([...rules]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it.for(vectors)("$rule, $dialect: $name", ({ layout, base, dialect, baseFile, files, warnings }) => {
    const { header, kll } = generate(layout, base, dialect);
    expect(baseFileName(header, dialect)).toBe(baseFile);
    if (!kll.ok) throw new Error(JSON.stringify(kll.complaints));
    expect(new Map(kll.value.files.map((file) => [file.name, file.text]))).toEqual(files);
    expect(kll.value.warnings.map(({ path }) => path)).toEqual(warnings);
  });

  it.for(vectors)(
    "$rule, $dialect: $name: layers in order, an origin a line",
    ({ layout, base, dialect }) => {
      const { kll } = generate(layout, base, dialect);
      if (!kll.ok) throw new Error(JSON.stringify(kll.complaints));
      kll.value.files.forEach((file, layer) => {
        expect(file.name).toMatch(new RegExp(`-${layer}\\.kll$`));
        expect(file.origins).toHaveLength(file.text.split("\n").length);
      });
    },
  );
});
