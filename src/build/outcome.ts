import type { Complaint } from "../errors.ts";
import { readSizes, sizeLines } from "../firmware/sizes.ts";
import { Sources } from "../firmware/sources.ts";
import { tellingLine, trace } from "../firmware/trace.ts";
import type { Origins } from "../layout/origins.ts";
import type { RunResult } from "../runner/runner.ts";
import type { SizeReport } from "../spec/size.ts";
import type { BuildSpec } from "../spec/spec.ts";
import { layoutRoot } from "./request.ts";

/** What a run tells the person who asked for it. */
export interface Outcome {
  /** Why there is no firmware, in a sentence; empty on success. */
  reason: string;
  /** What is wrong with the layout; empty where the run does not tell. */
  errors: Complaint[];
  /** Null where it is not known; a build that failed has none. */
  size: SizeReport | null;
}

/** Reads the log and the outputs of a run. Whether it succeeded is the runner's word, never the log's. */
export function readOutcome(result: RunResult, spec: BuildSpec, origins: Origins): Outcome {
  const { status, outputs, log } = result;
  if (status === "succeeded") {
    return { reason: "", errors: [], size: readSizes({ required: spec.outputs, outputs, log }) };
  }
  // What was broken off says nothing of the layout.
  if (status !== "failed") return { reason: result.reason, errors: [], size: null };
  const errors = trace(log, new Sources(spec.files, origins), layoutRoot);
  return { reason: failureReason(errors, result), errors, size: null };
}

function failureReason(errors: readonly Complaint[], { log, reason, exitCode }: RunResult): string {
  const [first, ...others] = errors;
  if (first) {
    const more = others.length > 0 ? ` (and ${others.length} more)` : "";
    return `${first.path}: ${first.message}${more}`;
  }
  // The toolchain was content, the runner was not: then only the runner knows why.
  return exitCode === 0 ? reason : (tellingLine(log) ?? reason);
}

/** What a person should read before the log itself; a line each. */
export function summarize({ reason, errors, size }: Outcome): string[] {
  if (size) return sizeLines(size);
  if (errors.length > 0) {
    return ["What is wrong with the layout:", ...errors.map(({ path, message }) => `  ${path}: ${message}`)];
  }
  return reason === "" ? [] : [`Why this build failed: ${reason}`];
}
