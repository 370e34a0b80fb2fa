/** Of a sorted or unsorted sample; 0.5 is the median. */
export function quantile(sample: readonly number[], q: number): number {
  const sorted = [...sample].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

export interface Figure {
  name: string;
  value: number;
  unit: string;
  /** What is expected of it, where something is. */
  expected?: string;
}

export function printFigures(title: string, figures: readonly Figure[]): void {
  console.log(`\n${title}`);
  for (const { name, value, unit, expected } of figures) {
    const shown = value >= 100 ? value.toFixed(0) : value.toPrecision(3);
    console.log(
      `  ${name.padEnd(58)}${shown.padStart(10)} ${unit.padEnd(6)}${expected ? ` (expected ${expected})` : ""}`,
    );
  }
}
