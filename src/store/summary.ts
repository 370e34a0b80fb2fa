export interface Count {
  name: string;
  count: number;
}

/** All requests so far. The lists are sorted by count, highest first, then by name. */
export interface StatsSummary {
  builds: number;
  /** Builds of different hash. */
  uniqueBuilds: number;
  users: number;
  layers: number;
  /** Time that was spent on builds; cached answers count nothing. */
  buildMilliseconds: number;
  os: Count[];
  platforms: Count[];
  /** `{board}-{variant}`. */
  keyboards: Count[];
  versions: Count[];
}

/**
 * Completes a list that was cut short: what its names leave of `total` becomes a last entry `(others)`. Strangers choose
 * some of the names, so a list needs an end; the sum stays right.
 */
export function withOthers(counts: Count[], total: number): Count[] {
  const listed = counts.reduce((sum, { count }) => sum + count, 0);
  return listed < total ? [...counts, { name: "(others)", count: total - listed }] : counts;
}

/**
 * The statistics as the text that operators' scripts read. Figures are those of the predecessor, which reckons in 32-bit
 * floats and prints its lists in Rust's debug format.
 */
export function formatStats(summary: StatsSummary): string {
  const { builds, uniqueBuilds, users, layers, buildMilliseconds } = summary;
  const average = uniqueBuilds === 0 ? 0 : Math.trunc(buildMilliseconds / uniqueBuilds);
  return `Builds: ${builds} (${uniqueBuilds} unique)
Cache ratio: ${decimals(ratio(builds, uniqueBuilds), 1)}
Avg time: ${decimals(ratio(average, 1000), 3)} s

Users: ${users} unique
Avg builds per user: ${decimals(ratio(builds, users), 1)}
Average number of layers: ${shortest(ratio(layers, builds))}

OS Counts: ${block(summary.os)}
Platform Counts: ${block(summary.platforms)}
Keyboard Counts: ${block(summary.keyboards)}
Version Counts: ${block(summary.versions)}

`;
}

/** Division of 32-bit floats; 0 where there is nothing to divide by. */
function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.fround(Math.fround(part) / Math.fround(whole));
}

/** A 32-bit float with a fixed number of decimals, a tie going to the even digit. `toFixed` takes ties up. */
function decimals(value: number, digits: number): string {
  const unit = 10 ** digits;
  const scaled = value * unit; // exact: 24 bits times at most 10
  const below = Math.floor(scaled);
  const rest = scaled - below;
  const up = rest > 0.5 || (rest === 0.5 && below % 2 === 1);
  return ((up ? below + 1 : below) / unit).toFixed(digits);
}

/** The fewest digits that still read back as the same 32-bit float; nine always do. */
function shortest(value: number): string {
  for (let digits = 1; digits < 9; digits += 1) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return String(rounded);
  }
  return String(Number(value.toPrecision(9)));
}

function block(counts: readonly Count[]): string {
  if (counts.length === 0) return "{}";
  return `{\n${counts.map(({ name, count }) => `    ${quoted(name)}: ${count},\n`).join("")}}`;
}

const escapes: Readonly<Record<string, string>> = {
  "\0": "\\0",
  "\t": "\\t",
  "\n": "\\n",
  "\r": "\\r",
  '"': '\\"',
  "\\": "\\\\",
};

/** A string as Rust's debug format prints it: what cannot be seen is escaped. */
function quoted(text: string): string {
  const seen = text.replace(/["\\]|[[\p{C}\p{Z}]--[ ]]/gv, (character) => {
    return escapes[character] ?? `\\u{${character.codePointAt(0)?.toString(16)}}`;
  });
  return `"${seen}"`;
}
