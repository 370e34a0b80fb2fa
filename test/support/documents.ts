import type { PlanContext } from "../../src/build/plan.ts";
import { parseBuildRequest } from "../../src/build/request.ts";
import { demo } from "../../src/firmware/demo.ts";
import { kiibohd } from "../../src/firmware/kiibohd.ts";
import type { FirmwareVersion } from "../../src/firmware/versions.ts";
import { parseJson } from "../../src/layout/json.ts";
import { type BaseLayout, checkBase } from "../../src/layout/schema.ts";

/** A layout document as a client would write it; loosely typed, for tests put anything anywhere. */
export interface Document {
  header: Record<string, unknown>;
  matrix: {
    code: unknown;
    layers: Record<string, { key: unknown; label?: unknown }>;
    [more: string]: unknown;
  }[];
  [more: string]: unknown;
}

/** A sound layout of two layers that has everything a layout can have. */
export function demoDocument(): Document {
  return {
    header: {
      Name: "Demo",
      Variant: "two keys",
      Layout: "Tiny",
      Base: "Plain",
      Version: "1",
      Author: "Ada",
      KLL: "0.5",
      Date: "2024-02-29",
      Generator: "hand",
    },
    matrix: [
      { code: "0x01", x: 0, layers: { 0: { key: "ESC", label: "Esc" }, 1: { key: "#:layerShift( 1 )" } } },
      { code: "0x02", x: 4, layers: { 0: { key: "B" } } },
    ],
    leds: [{ id: 1, x: 0, y: 0 }],
    defines: [{ name: "stateWordSize", value: "8" }],
    custom: { 1: "free text" },
    animations: { wave: { settings: "loop", frames: ["P[1](0)", "P[1](255)"] } },
  };
}

/** What the tests' library holds: file name -> document. */
export const bases: Record<string, unknown> = {
  "Demo-Plain.json": base("ESC", "A", "B"),
  "Demo-Holes.json": {
    matrix: [
      { code: "0x01", layers: { 1: { key: "ESC" } } },
      { code: "0x02", layers: {} },
    ],
  },
  "WhiteFox-Plain.json": base("ESC", "A"),
  "WhiteFox-Plain.lts.json": base("ESC"),
  "MD1.1-Plain.json": base("ESC", "A"),
  "K-Type-Plain.json": base("ESC", "A", "B"),
  "MDErgo1-Plain.json": base("ESC", "A"),
};

function base(...keys: string[]) {
  return { matrix: keys.map((key, index) => ({ code: `0x0${index + 1}`, layers: { 0: { key } } })) };
}

export const versions: FirmwareVersion[] = [
  row("demo", null, "controller-demo", "demo"),
  row("latest", "latest", "controller-057", "kiibohd"),
  row("lts", "lts", "controller-050", "kiibohd"),
  { ...row("v0.4", null, "controller-04", "kiibohd"), dialect: "legacy" },
];

function row(name: string, channel: string | null, container: string, family: string): FirmwareVersion {
  return { name, channel, container, git_tag: null, family, dialect: "current" };
}

const parsedBases = new Map<string, BaseLayout>(
  Object.entries(bases).map(([name, document]) => {
    const checked = checkBase(parseJson(JSON.stringify(document)).value);
    if (!checked.ok) throw new Error(`${name}: ${JSON.stringify(checked.complaints)}`);
    return [name, checked.value];
  }),
);

/** A context without files or daemon: the bases above, every image present under a digest of its name. */
export const context: PlanContext = {
  families: [demo, kiibohd],
  versions,
  limits: {
    wallSeconds: 60,
    memoryBytes: 2 ** 28,
    cpus: 1,
    pids: 64,
    outputBytes: 2 ** 20,
    outputFiles: 16,
    logBytes: 2 ** 16,
  },
  baseLayout: (fileName) => parsedBases.get(fileName),
  imageDigest: (name) => `sha256:${name}`,
};

/** The body a client posts. */
export function body(config: unknown, env: unknown = "latest"): Buffer {
  return Buffer.from(JSON.stringify({ config, env }));
}

/** The request for a document, read from its body as a server does. */
export function request(config: unknown, env: unknown = "latest") {
  return parseBuildRequest(body(config, env));
}
