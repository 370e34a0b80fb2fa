import type { Collected } from "./outputs.ts";
import type { RunStatus } from "./runner.ts";

/** A signal the runner raised itself, and why: what then happens to the container is its consequence. */
export interface Stop {
  status: Exclude<RunStatus, "succeeded" | "failed">;
  /** A sentence for a person. */
  reason: string;
}

/** What is known of a run once its outputs are read. */
export interface Evidence {
  stop: Stop | null;
  exitCode: number | null;
  /** Null: the image should have left an archive and left none, or one that cannot be read. */
  collected: Collected | null;
}

/** Decides how a run ended, by signals and facts alone. Pure. */
export function judge(
  evidence: Evidence,
  required: readonly string[],
): { status: RunStatus; reason: string } {
  const { stop, exitCode, collected } = evidence;
  if (stop !== null) return stop;
  if (collected !== null && collected.excess !== null) {
    return { status: "limit-exceeded", reason: collected.excess };
  }
  if (exitCode !== 0) return { status: "failed", reason: `The build ended with exit status ${exitCode}.` };
  if (collected === null) return { status: "failed", reason: "The build left no readable archive." };
  for (const name of required) {
    const flaw = findFlaw(collected, name);
    if (flaw !== null) return { status: "failed", reason: `Output ${name} ${flaw}.` };
  }
  return { status: "succeeded", reason: "" };
}

function findFlaw({ outputs, leftOut }: Collected, name: string): string | null {
  const output = outputs.find((one) => one.name === name);
  if (output !== undefined) return output.bytes.length === 0 ? "is empty" : null;
  const refused = leftOut.find((one) => one.name === name);
  return refused === undefined ? "is missing" : `does not count: ${refused.why}`;
}
