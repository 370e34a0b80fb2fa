import { describe, expect, it } from "vitest";
import { planBuild } from "../../src/build/plan.ts";
import { buildKey } from "../../src/spec/key.ts";
import type { BuildSpec } from "../../src/spec/spec.ts";
import { context, demoDocument, request } from "../support/documents.ts";

const { spec } = planBuild(request(demoDocument()), context);
const [first, ...others] = spec.files;
if (!first) throw new Error("the spec has no files");

const different: [what: string, changed: BuildSpec][] = [
  ["image digest", { ...spec, image: { ...spec.image, digest: "sha256:other" } }],
  ["missing digest", { ...spec, image: { ...spec.image, digest: null } }],
  ["image name", { ...spec, image: { ...spec.image, name: "other" } }],
  ["command", { ...spec, command: [...spec.command, "-v"] }],
  ["split of the command", { ...spec, command: ["demo", ".bash"] }],
  ["environment", { ...spec, environment: { ...spec.environment, Layout: "other" } }],
  ["variable more", { ...spec, environment: { ...spec.environment, SPLIT_KEYBOARD: "1" } }],
  ["file text", { ...spec, files: [{ ...first, text: `${first.text}\n` }, ...others] }],
  ["file name", { ...spec, files: [{ ...first, name: "other.kll" }, ...others] }],
  ["order of files", { ...spec, files: [...others, first] }],
  ["file less", { ...spec, files: others }],
  ["output", { ...spec, outputs: [...spec.outputs, "more"] }],
];

describe("the key of a spec", () => {
  it("is a SHA-256", () => expect(buildKey(spec)).toMatch(/^[0-9a-f]{64}$/));

  it.for(different)("is another with another %s", ([, changed]) => {
    expect(buildKey(changed)).not.toBe(buildKey(spec));
  });

  it.for(Object.entries(spec.limits))("is another with another limit %s", ([name, value]) => {
    expect(buildKey({ ...spec, limits: { ...spec.limits, [name]: value + 1 } })).not.toBe(buildKey(spec));
  });

  it("does not depend on the order of members or of variables", () => {
    const reversed = <T extends object>(value: T) => Object.fromEntries(Object.entries(value).reverse()) as T;
    expect(buildKey(reversed({ ...spec, environment: reversed(spec.environment) }))).toBe(buildKey(spec));
  });

  it("takes the document by its value, every other file by its text", () => {
    const spaced = (name: string): BuildSpec => ({
      ...spec,
      files: spec.files.map((file) => (file.name === name ? { ...file, text: ` ${file.text}` } : file)),
    });
    expect(buildKey(spaced(spec.document))).toBe(buildKey(spec));
    expect(buildKey(spaced(first.name))).not.toBe(buildKey(spec));
  });
});
