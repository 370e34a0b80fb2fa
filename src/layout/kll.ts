import type { Checked, Complaint } from "../errors.ts";
import { maxComplaints } from "./json.ts";
import type { BaseLayout, Header, Layout, LayoutKey } from "./schema.ts";

/** The KLL language of a firmware version: `legacy` before v0.5, `current` from v0.5.0 on. */
export type Dialect = "current" | "legacy";

/** Where a line of a KLL file comes from: a value of the layout and, for free text, the line in it (from 1). */
export interface Origin {
  path: string;
  line?: number;
}

export interface KllFile {
  name: string;
  text: string;
  /** The origin of each line of `text`; null for lines that are only punctuation. */
  origins: (Origin | null)[];
}

export interface Kll {
  /** One file a layer, from layer 0 up without gaps. */
  files: KllFile[];
  /** What was left out on purpose; the first 100 of it. */
  warnings: Complaint[];
}

/**
 * Turns a layout into KLL files, byte for byte as the predecessor of this server wrote them.
 *
 * @param base the layout whose layer 0 names the keys
 * @param root where the layout stands in the request; paths begin with it
 */
export function generateKll(layout: Layout, base: BaseLayout, dialect: Dialect, root: string): Checked<Kll> {
  const { layers, complaints, warnings } = pairKeys(layout, base, root);
  if (complaints.length === 0 && layers.length === 0) {
    complaints.push({
      path: `${root}.matrix`,
      message: "no key has an action on any layer of a key the board has",
    });
  }
  if (complaints.length > 0) return { ok: false, complaints };
  for (const layer of layout.custom?.keys() ?? []) {
    if (layer < layers.length) continue;
    warnings.push({ path: `${root}.custom.${layer}`, message: `left out: no key uses layer ${layer}` });
  }
  const stem = `${boardName(layout.header)}-${layout.header.Layout}`;
  const files = layers.map((pairs, layer) => {
    const lines = layerLines(layout, layer, pairs, dialect, root);
    const text = lines.map((line) => line.text).join("\n");
    return { name: `${stem}-${layer}.kll`, text, origins: lines.map((line) => line.origin) };
  });
  return { ok: true, value: { files, warnings: warnings.slice(0, maxComplaints) } };
}

/** The board's name as file names and look-ups have it. */
export function boardName(header: Header): string {
  return header.Name.replaceAll(" ", "_");
}

export function variantName(header: Header): string {
  return (header.Variant ?? "").replaceAll(" ", "_");
}

/** WhiteFox layouts hold fewer keys than their base and are matched by scan code, all others by position. */
export function matchedByCode(header: Header): boolean {
  return boardName(header).toLowerCase() === "whitefox";
}

/** The file of the library that holds a layout's base. */
export function baseFileName(header: Header, dialect: Dialect): string {
  const suffix = matchedByCode(header) && dialect === "legacy" ? ".lts.json" : ".json";
  return `${boardName(header)}-${header.Base}${suffix}`;
}

/** The complaint about a matrix that is longer than its base, where keys are matched by position. */
export function surplusKeys(count: number, header: Header, base: BaseLayout, root: string): Complaint[] {
  const known = base.matrix.length;
  if (matchedByCode(header) || count <= known) return [];
  return [
    { path: `${root}.matrix[${known}]`, message: `the layout has ${count} keys, its base only ${known}` },
  ];
}

interface Pair {
  left: string;
  right: string;
  origin: Origin;
}

interface Line {
  text: string;
  origin: Origin | null;
}

function pairKeys(layout: Layout, base: BaseLayout, root: string) {
  const byCode = matchedByCode(layout.header);
  const layers: Pair[][] = [];
  const complaints = surplusKeys(layout.matrix.length, layout.header, base, root);
  const warnings: Complaint[] = [];
  layout.matrix.forEach((key, index) => {
    const path = `${root}.matrix[${index}]`;
    const found = byCode ? base.matrix.find((baseKey) => baseKey.code === key.code) : base.matrix[index];
    if (!found) {
      const code = JSON.stringify(key.code.slice(0, 40));
      if (byCode)
        warnings.push({ path: `${path}.code`, message: `left out: the base layout has no key ${code}` });
    } else if (key.layers.size > 0) {
      const left = found.layers.get(0)?.key;
      if (left === undefined) complaints.push({ path, message: "the base layout's key has no layer 0" });
      else addPairs(layers, left, key, path);
    }
  });
  return { layers: Array.from(layers, (pairs) => pairs ?? []), complaints, warnings };
}

function addPairs(layers: Pair[][], left: string, key: LayoutKey, path: string): void {
  for (const [layer, action] of key.layers) {
    layers[layer] ??= [];
    layers[layer].push({ left, right: action.key, origin: { path: `${path}.layers.${layer}.key` } });
  }
}

/** A section is never empty: one without content keeps its line, as it keeps its separators. */
function layerLines(layout: Layout, layer: number, pairs: Pair[], dialect: Dialect, root: string): Line[] {
  const sections: Line[][] = [
    headerLines(layout.header, root),
    ...(layer === 0 ? [defineLines(layout, root)] : []),
    pairs.map((pair) => ({ text: keyLine(pair, dialect), origin: pair.origin })),
    customLines(layout, layer, root),
    ...(layer === 0 ? [dialect === "legacy" ? [] : animationLines(layout, root)] : []),
  ];
  const lines = sections.flatMap((section) => [...(section.length > 0 ? section : [blank]), blank]);
  return [...lines, blank];
}

const blank: Line = { text: "", origin: null };

function headerLines(header: Header, root: string): Line[] {
  const values = {
    Name: header.Name,
    Variant: variantName(header),
    Layout: header.Layout,
    Base: header.Base,
    Version: header.Version,
    Author: header.Author,
    KLL: header.KLL,
    Date: header.Date,
    Generator: header.Generator,
  };
  return Object.entries(values).map(([key, value]) => ({
    text: `${key} = "${value}";`,
    origin: { path: `${root}.header.${key}` },
  }));
}

function defineLines(layout: Layout, root: string): Line[] {
  return (layout.defines ?? []).map(({ name, value }, index) => ({
    text: `${name} = "${value}";`,
    origin: { path: `${root}.defines[${index}]` },
  }));
}

function customLines(layout: Layout, layer: number, root: string): Line[] {
  const text = layout.custom?.get(layer);
  if (text === undefined) return [];
  const path = `${root}.custom.${layer}`;
  return [
    blank,
    blank,
    ...text.split("\n").map((line, index) => ({ text: line, origin: { path, line: index + 1 } })),
  ];
}

function animationLines(layout: Layout, root: string): Line[] {
  return [...(layout.animations ?? [])].flatMap(([id, animation]) => {
    const path = `${root}.animations.${id}`;
    let counted = 0;
    const frames = animation.frames.flatMap((frame, index): Line[] => {
      const text = frame.startsWith("#") ? frame : `A[${id}, ${++counted}] <= ${frame};`;
      const origin = { path: `${path}.frames[${index}]` };
      return text.split("\n").map((line) => ({ text: line, origin }));
    });
    if (counted === 0) return [{ text: `### ${id} is empty, skipping`, origin: { path } }];
    const settings = { text: `A[${id}] <= ${animation.settings};`, origin: { path: `${path}.settings` } };
    return [settings, ...frames, blank];
  });
}

function keyLine({ left, right }: Pair, dialect: Dialect): string {
  const trigger = keySymbol(left);
  if (!right.startsWith("#:")) return `${trigger} : ${keySymbol(right)};`;
  const capability = dialect === "legacy" ? legacyCapability(right) : right.slice(2);
  return capability === null ? `#${trigger} : ${right};` : `${trigger} : ${capability};`;
}

function keySymbol(key: string): string {
  if (key.startsWith("CONS:")) return `CONS"${key.slice(5)}"`;
  if (key.startsWith("SYS:")) return `SYS"${key.slice(4)}"`;
  return `U"${key}"`;
}

/** The LED calls of today's layouts and what they were called before v0.5, in the order they are tried. */
const legacyLedCalls: [call: string, legacy: string][] = [
  ["ledControl(0,15)", "ledControl( 3, 15, 0 )"],
  ["ledControl(1,15)", "ledControl( 4, 15, 0 )"],
  ["ledControl(3,0)", "ledControl( 5, 0, 0)"],
];

/** A capability in the legacy dialect; null for one that firmware does not have, whose line is commented out. */
function legacyCapability(action: string): string | null {
  if (action.includes("ledControl")) {
    const call = action.replaceAll(" ", "");
    return legacyLedCalls.find(([known]) => call.includes(known))?.[1] ?? null;
  }
  return action.includes("animation_control") ? null : action.slice(2);
}
