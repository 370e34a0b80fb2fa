/** The classic builder's `Step 3/36 : RUN …`, and BuildKit's `#12 [prepared 3/7] RUN …`. */
const classicStep = /^Step (\d+\/\d+) : /;
const buildkitStep = /^#\d+ \[(.+ \d+\/\d+|\d+\/\d+)\] /;

/** What an image says while it proves itself; BuildKit puts its own numbers before it. */
const proof = /^(?:#\d+ [\d.]+ )?(cold|fast): (\S+) (\S+) [\d.]+ s/;

/** How often each layout is built the fast way: with an empty store, and with a full one. */
const fastRounds = 2;

/** How far a build is, from all that its log says so far: one line, without its end; empty before the first step. */
export function progressOf(log: string): string {
  let step = "";
  const cold = new Map<string, number>();
  const fast = new Map<string, number>();
  for (const line of log.split("\n")) {
    const [, ofAll] = classicStep.exec(line) ?? buildkitStep.exec(line) ?? [];
    if (ofAll !== undefined) step = `step ${ofAll}`;
    const [, way, firmware = ""] = proof.exec(line) ?? [];
    const counts = way === "cold" ? cold : fast;
    if (way !== undefined) counts.set(firmware, (counts.get(firmware) ?? 0) + 1);
  }
  return [step, proofProgress(cold, fast)].filter(Boolean).join(", ");
}

/** Every firmware is built the cold way before the first one is built the fast way. */
function proofProgress(cold: ReadonlyMap<string, number>, fast: ReadonlyMap<string, number>): string {
  const all = sum(cold);
  if (all === 0) return "";
  if (fast.size === 0) return `${all} cold builds of ${cold.size} firmwares`;
  const proven = [...cold].filter(([firmware, layouts]) => (fast.get(firmware) ?? 0) >= fastRounds * layouts);
  return `${proven.length} of ${cold.size} firmwares proven (${sum(fast)} of ${fastRounds * all} comparisons)`;
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((total, count) => total + count, 0);
}
