import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type JsonObject, type JsonValue, parseJson } from "../../src/layout/json.ts";
import type { Dialect } from "../../src/layout/kll.ts";

/** One layout and the KLL files it must become, written by hand from the rules. */
export interface Vector {
  name: string;
  /** The file of `test/vectors`, named after the rule it is about. */
  rule: string;
  dialect: Dialect;
  baseFile: string;
  base: JsonValue;
  layout: JsonValue;
  /** File name -> text. */
  files: Map<string, string>;
  /** Paths of the warnings. */
  warnings: string[];
}

const directory = join(import.meta.dirname, "../vectors");

interface VectorFile {
  name: string;
  dialects: Dialect[];
  baseFile: string;
  files: Record<string, string[]>;
  warnings: string[];
}

/** Every vector, once for each dialect it holds in. Layouts come from `parseJson`: their order is the file's. */
export function readVectors(): Vector[] {
  return readdirSync(directory)
    .sort()
    .flatMap((file) => {
      const text = readFileSync(join(directory, file), "utf8");
      const cases: VectorFile[] = JSON.parse(text);
      const parsed = parseJson(text).value as JsonObject[];
      return cases.flatMap(({ name, dialects, baseFile, files, warnings }, index) =>
        dialects.map((dialect) => ({
          name,
          rule: file.replace(".json", ""),
          dialect,
          baseFile,
          base: parsed[index]?.base ?? null,
          layout: parsed[index]?.layout ?? null,
          files: new Map(Object.entries(files).map(([fileName, lines]) => [fileName, lines.join("\n")])),
          warnings,
        })),
      );
    });
}
