import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Plan, planBuild } from "../../src/build/plan.ts";
import { parseBuildRequest } from "../../src/build/request.ts";
import { Problem } from "../../src/errors.ts";
import { canonicalJson } from "../../src/layout/json.ts";
import {
  insertAnimations,
  jsonValue,
  mutatedDocument,
  shuffled,
  soundDocument,
  spaced,
} from "../support/arbitraries.ts";
import { context, demoDocument } from "../support/documents.ts";

type Line = { text: string; path: string; line?: number | undefined };

function plan(documentText: string, env = "latest"): Plan {
  return planBuild(parseBuildRequest(Buffer.from(`{"config":${documentText},"env":"${env}"}`)), context);
}

/** The lines of a plan's KLL files with where they come from. */
function linesOf({ kll }: Plan): Line[] {
  return kll.files.flatMap(({ text, origins }) =>
    text.split("\n").flatMap((line, index) => {
      const origin = origins[index];
      return origin ? [{ text: line, path: origin.path, line: origin.line }] : [];
    }),
  );
}

/** The value a path leads to; a key may itself hold dots and brackets, so every key that fits is tried. */
function resolve(value: unknown, path: string): unknown {
  if (path === "") return value;
  if (typeof value !== "object" || value === null) return undefined;
  for (const [key, member] of Object.entries(value)) {
    const step = Array.isArray(value) ? `[${key}]` : `.${key}`;
    if (!path.startsWith(step)) continue;
    const found = resolve(member, path.slice(step.length));
    if (found !== undefined) return found;
  }
  return undefined;
}

function plannedOrRefused(text: string): "planned" | "refused" {
  try {
    expect(plan(text).kll.files.length).toBeGreaterThan(0);
    return "planned";
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    expect(error.status).toBe(400);
    if (error.code === "bad-layout") expect(error.complaints.length).toBeGreaterThan(0);
    for (const { path } of error.complaints) expect(path).toMatch(/^config\b/);
    return "refused";
  }
}

describe("planning", { timeout: 60_000 }, () => {
  it("of anything ends in files or in a problem", () => {
    fc.assert(
      fc.property(jsonValue, (value) => {
        expect(plannedOrRefused(JSON.stringify(value))).toBe("refused");
      }),
    );
  });

  it("of a spoiled document ends in files or in a problem", () => {
    const seen = new Set<string>();
    const property = fc.property(mutatedDocument, (document) => {
      seen.add(plannedOrRefused(JSON.stringify(document)));
    });
    fc.assert(property, { numRuns: 1000 });
    expect(seen.size).toBe(2);
  });

  it("of a sound document ends in files", () => {
    fc.assert(
      fc.property(soundDocument, ({ text }) => {
        expect(plannedOrRefused(text)).toBe("planned");
      }),
    );
  });
});

describe("the KLL files of a sound document", { timeout: 60_000 }, () => {
  it("have its animations in the order of the document", () => {
    fc.assert(
      fc.property(soundDocument, ({ text, animations }) => {
        const heads = linesOf(plan(text))
          .filter(({ path }) => /^config\.animations\./.test(path) && !/\.frames\[\d+\]$/.test(path))
          .map((line) => line.text);
        const expected = animations.map(([id, { settings, frames }]) =>
          frames.every((frame) => frame.startsWith("#"))
            ? `### ${id} is empty, skipping`
            : `A[${id}] <= ${settings};`,
        );
        expect(heads).toEqual(expected);
      }),
    );
  });

  it("say of every line which value it is made from", () => {
    fc.assert(
      fc.property(soundDocument, fc.constantFrom("latest", "v0.4"), ({ text }, env) => {
        const document = { config: JSON.parse(text) };
        for (const { text: line, path, line: number } of linesOf(plan(text, env))) {
          const value = resolve(document, `.${path}`);
          if (path === "config.header.Variant" && (value ?? null) === null)
            expect(line).toBe('Variant = "";');
          else expect(line).toSatisfy((made: string) => isMadeFrom(made, path, value, number));
        }
      }),
    );
  });

  it("have a null origin only for empty lines", () => {
    fc.assert(
      fc.property(soundDocument, ({ text }) => {
        for (const file of plan(text).kll.files) {
          const lines = file.text.split("\n");
          expect(file.origins).toHaveLength(lines.length);
          lines.forEach((line, index) => {
            if (file.origins[index] === null) expect(line).toBe("");
          });
        }
      }),
    );
  });

  it("hold every value between its own quotes, on its own line", () => {
    fc.assert(
      fc.property(soundDocument, ({ text, document }) => {
        const lines = linesOf(plan(text));
        const actions = document.matrix.flatMap((key, index) =>
          Object.entries(key.layers).map(([layer, action]) => [
            `config.matrix[${index}].layers.${layer}.key`,
            action.key,
          ]),
        );
        const keys = lines.filter(({ path }) => path.startsWith("config.matrix"));
        expect(new Map(keys.map((line) => [line.path, readAction(line.text)]))).toEqual(
          new Map(actions as [string, string][]),
        );
        const defines = lines.filter(({ path }) => path.startsWith("config.defines"));
        expect(defines.map((line) => /^([^"]*) = "([^"]*)";$/.exec(line.text)?.slice(1))).toEqual(
          (document.defines as { name: string; value: string }[]).map(({ name, value }) => [name, value]),
        );
      }),
    );
  });
});

/** The action of a key line, read back the way the firmware's compiler reads it. */
function readAction(line: string): string | undefined {
  const [, right = ""] = /^(?:U|CONS|SYS)"[^"\n]*" : ([^\n]*);$/.exec(line) ?? [];
  const [, kind, name] = /^(U|CONS|SYS)"([^"]*)"$/.exec(right) ?? [];
  if (kind === undefined || name === undefined) return `#:${right}`;
  return kind === "U" ? name : `${kind}:${name}`;
}

function isMadeFrom(line: string, path: string, value: unknown, number: number | undefined): boolean {
  if (path.startsWith("config.custom.")) return String(value).split("\n")[(number ?? 0) - 1] === line;
  if (path.startsWith("config.header.Variant"))
    return line === `Variant = "${String(value).replaceAll(" ", "_")}";`;
  if (path.startsWith("config.defines")) {
    const { name, value: text } = value as { name: string; value: string };
    return line === `${name} = "${text}";`;
  }
  if (typeof value === "object" && value !== null)
    return line.endsWith(" is empty, skipping") && "frames" in value;
  const text = String(value);
  if (/ledControl/.test(text) && path.startsWith("config.matrix")) return /ledControl/.test(line);
  return typeof value === "string" && line.includes(text.replace(/^(?:CONS:|SYS:|#:)/, ""));
}

describe("the key", { timeout: 60_000 }, () => {
  it("is the same whatever the white space and the order of members", () => {
    const rewritten = soundDocument.chain(({ text, document, animations }) =>
      shuffled(document)
        .chain(spaced)
        .map((other) => ({ text, other: insertAnimations(other, animations) })),
    );
    fc.assert(
      fc.property(rewritten, ({ text, other }) => {
        expect(plan(other).key).toBe(plan(text).key);
      }),
    );
  });

  it("is another with another order of animations, whatever they are called", () => {
    const two = soundDocument.filter(({ animations }) => animations.length > 1);
    fc.assert(
      fc.property(two, ({ text, document, animations }) => {
        const other = insertAnimations(JSON.stringify(document), animations.toReversed());
        expect(plan(other).key).not.toBe(plan(text).key);
      }),
    );
  });

  it("is another with any other value, even one that reaches no KLL file", () => {
    const document = demoDocument();
    const { key } = plan(JSON.stringify(document));
    fc.assert(
      fc.property(jsonValue, jsonValue, (one, other) => {
        const same = canonicalJson(one) === canonicalJson(other);
        const [first, second] = [one, other].map((more) => plan(JSON.stringify({ ...document, more })).key);
        expect(first === second).toBe(same);
        expect(first).not.toBe(key);
      }),
    );
  });
});
