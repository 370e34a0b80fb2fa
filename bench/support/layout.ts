import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const golden = join(import.meta.dirname, "../../../shared/golden/layouts");

/** A layout with its base, as texts. */
export interface BenchLayout {
  name: string;
  text: string;
  base: string;
}

/** The largest layout of the field, the K-Type's, where it is at hand; else a made-up one of its size. */
export function largeLayout(): BenchLayout {
  const text = join(golden, "K-Type-Standard.json");
  const base = join(golden, "KType-Base.json");
  if (!existsSync(text) || !existsSync(base)) return { name: "generated", ...generatedLayout(1) };
  return { name: "K-Type", text: readFileSync(text, "utf8"), base: readFileSync(base, "utf8") };
}

/** 87 keys on three layers, 119 LEDs and animations, indented: 76 kB, as the K-Type's; equal seeds give equal texts. */
function generatedLayout(seed: number): Omit<BenchLayout, "name"> {
  const pick = sequence(seed);
  const symbol = () => `KEY${pick(200)}`;
  const matrix = Array.from({ length: 87 }, (_, index) => ({
    code: `0x${(index + 1).toString(16).toUpperCase().padStart(2, "0")}`,
    x: (index % 16) * 4,
    y: Math.floor(index / 16) * 4,
    w: 4,
    h: 4,
    layers: {
      0: { key: symbol(), label: symbol() },
      1: { key: symbol(), label: symbol() },
      2: { key: `#:ledControl( ${pick(4)}, ${pick(256)} )`, label: symbol() },
    },
  }));
  const leds = Array.from({ length: 119 }, (_, id) => ({ id, x: pick(64), y: pick(24), scanCode: "0x01" }));
  const frames = Array.from(
    { length: 395 },
    () => `P[c:${pick(100)}%](${pick(256)},${pick(256)},${pick(256)})`,
  );
  const header = { Name: "KType", Variant: "standard", Layout: "Bench", Base: "Base", Version: "0.2" };
  const more = { Author: "bench", KLL: "0.5c", Date: "2017-10-13", Generator: "bench" };
  const document = {
    header: { ...header, ...more },
    matrix,
    leds,
    animations: { wave: { settings: "loop", frames } },
  };
  return { text: JSON.stringify(document, null, 4), base: JSON.stringify({ matrix }) };
}

/** Whole numbers below a bound, the same for the same seed (the generator of ANSI C). */
function sequence(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >>> 16) % bound;
  };
}
