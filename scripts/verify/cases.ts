import { type PlanContext, planBuild } from "../../src/build/plan.ts";
import { layoutRoot } from "../../src/build/request.ts";
import { Problem } from "../../src/errors.ts";
import { parseJson } from "../../src/layout/json.ts";
import { boardName, variantName } from "../../src/layout/kll.ts";
import type { LayoutLibrary } from "../../src/layout/library.ts";
import { type BaseLayout, checkBase } from "../../src/layout/schema.ts";
import type { BuildSpec } from "../../src/spec/spec.ts";

/** One layout to build with one version. */
export interface Case {
  board: string;
  variant: string;
  layout: string;
  /** Equal for builds that are the same. */
  key: string;
  spec: BuildSpec;
}

const sizes = ["alphabet", "hacker", "standard"];

/** Every kiibohd board that can be built, with the variants that are firmwares of their own. */
export const boards: Record<string, readonly string[]> = {
  MD1: sizes,
  "MD1.1": sizes,
  WhiteFox: ["truefox", "aria", "iso", "jackofalltrades", "vanilla", "winkeyless"],
  KType: [""],
  MDErgo1: [""],
  Kira: [""],
  Gemini: [""],
};

/** A base layout is where keys are named from; the layouts themselves are what people build. */
const isBase = /Base(\.lts)?\.json$/;

/**
 * What to build with a version: a small layout of our own for each board and variant, and every layout of a library that
 * fits it, once whatever its names.
 * @param leaveOut is told of the layouts that cannot be built, and why
 */
export function casesOf(
  version: string,
  library: LayoutLibrary | undefined,
  context: Omit<PlanContext, "baseLayout">,
  leaveOut: (layout: string, why: string) => void,
): Case[] {
  const cases: Case[] = [];
  const planning = { ...context, baseLayout: (name: string) => library?.base(name) };
  for (const name of library?.view().names() ?? []) {
    if (isBase.test(name)) continue;
    try {
      cases.push(planCase(library?.read(name)?.bytes ?? "", version, planning));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      leaveOut(
        name,
        [error.message, ...error.complaints.slice(0, 1).map(({ message }) => message)].join(": "),
      );
    }
  }
  const ownBase = smallBase();
  const ownPlanning = { ...context, baseLayout: () => ownBase };
  const own = Object.entries(boards).flatMap(([board, variants]) =>
    variants.map((variant) => planCase(smallLayout(board, variant), version, ownPlanning)),
  );
  const once = new Map([...cases, ...own].map((one) => [one.key, one]));
  return [...once.values()].sort(inOrder);
}

function planCase(text: string | Buffer, version: string, context: PlanContext): Case {
  const { text: documentText, value, complaints } = parseJson(text, layoutRoot);
  const request = { document: value, documentText, root: layoutRoot, version, complaints };
  const { spec, key, layout } = planBuild(request, context);
  const { header } = layout;
  const board = boardName(header);
  // A board without variants of its own has a name for the one it comes in.
  const variant = boards[board]?.length === 1 ? "" : variantName(header);
  return { board, variant, layout: header.Layout, key, spec };
}

/** Boards and variants as they are listed above, layouts by name. */
function inOrder(a: Case, b: Case): number {
  const names = Object.keys(boards);
  const place = ({ board, variant }: Case) =>
    100 * names.indexOf(board) + (boards[board]?.indexOf(variant) ?? 0);
  return place(a) - place(b) || a.layout.localeCompare(b.layout, "en");
}

/** Keys every board has, by their names in the base: what becomes of them on layers 0 and 1. */
const edits: Record<string, Record<string, string>> = {
  A: { "0": "B" },
  B: { "0": "A" },
  CAPSLOCK: { "0": "LCTRL" },
  TAB: { "0": "#:layerShift(1)" },
  "1": { "0": "1", "1": "F1" },
  Q: { "0": "Q", "1": "#:flashMode()" },
};

/** A layout document with a few edits, as text. */
export function smallLayout(board: string, variant: string): string {
  const header = {
    ...{ Name: board, Variant: variant, Layout: "Edited", Base: "Base" },
    ...{ Version: "0.1", Author: "kiisrv", KLL: "0.5c", Date: "2020-01-01", Generator: "kiisrv" },
  };
  return JSON.stringify({ header, matrix: smallMatrix(Object.values(edits)) });
}

function smallBase(): BaseLayout {
  const names = Object.keys(edits).map((key) => ({ "0": key }));
  const base = checkBase(parseJson(JSON.stringify({ matrix: smallMatrix(names) })).value);
  if (!base.ok) throw new Error(base.complaints[0]?.message);
  return base.value;
}

function smallMatrix(keys: readonly Record<string, string>[]) {
  return keys.map((layers, index) => ({
    code: `0x${index}`,
    layers: Object.fromEntries(Object.entries(layers).map(([layer, key]) => [layer, { key, label: key }])),
  }));
}

/** The names of the firmwares a case builds, as the image's own proof calls them. */
export function firmwaresOf({ variant, spec }: Pick<Case, "variant" | "spec">): string[] {
  const board = spec.command[0]?.replace(/\.bash$/, "") ?? "";
  if (spec.outputs.length > 1) return [`${board}-l`, `${board}-r`];
  return [variant === "" ? board : `${board}-${variant}`];
}
