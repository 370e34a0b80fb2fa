import { parseJson } from "../src/layout/json.ts";
import { generateKll } from "../src/layout/kll.ts";
import { checkBase, checkLayout } from "../src/layout/schema.ts";
import { largeLayout } from "./support/layout.ts";
import { type Figure, printFigures, quantile } from "./support/numbers.ts";

const warmUp = 200;
const rounds = 1000;

/** The largest layout of the field, from its text to KLL, against `JSON.parse` of the same text, turn by turn. */
export function benchLayout(): Figure[] {
  const { name, text, base: baseText } = largeLayout();
  const base = checkBase(parseJson(baseText).value);
  if (!base.ok) throw new Error(JSON.stringify(base.complaints));
  const native: number[] = [];
  const parse: number[] = [];
  const check: number[] = [];
  const whole: number[] = [];
  for (let round = -warmUp; round < rounds; round++) {
    const start = performance.now();
    JSON.parse(text);
    const parsedNatively = performance.now();
    const { value } = parseJson(text);
    const parsed = performance.now();
    const layout = checkLayout(value, "config");
    if (!layout.ok) throw new Error(JSON.stringify(layout.complaints));
    const checked = performance.now();
    if (!generateKll(layout.value, base.value, "current", "config").ok) throw new Error("no KLL");
    const generated = performance.now();
    if (round < 0) continue;
    native.push(parsedNatively - start);
    parse.push(parsed - parsedNatively);
    check.push(checked - parsed);
    whole.push(generated - parsedNatively);
  }
  const median = quantile(whole, 0.5);
  return [
    {
      name: `${name}, ${text.length} bytes: parse, validate, generate; median`,
      value: median,
      unit: "ms",
      expected: "< 5",
    },
    { name: "the same, p99", value: quantile(whole, 0.99), unit: "ms" },
    { name: "of it parse, median", value: quantile(parse, 0.5), unit: "ms" },
    { name: "of it validate, median", value: quantile(check, 0.5), unit: "ms" },
    { name: "JSON.parse of the same text, median", value: quantile(native, 0.5), unit: "ms" },
    { name: "ratio to JSON.parse", value: median / quantile(native, 0.5), unit: "x" },
  ];
}

if (import.meta.main) printFigures("Layout to KLL", benchLayout());
