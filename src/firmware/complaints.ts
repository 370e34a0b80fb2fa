import { type Complaint, jsonPath } from "../errors.ts";
import { maxComplaints } from "../layout/json.ts";
import type { SourceLine } from "./sources.ts";

/** Says of a line what is wrong with it, in terms of the layout. */
export function complain({ origin }: SourceLine, message: string): Complaint {
  const path = jsonPath(origin.path);
  const { line } = origin;
  return line === undefined ? { path, message } : { path, line, message: `line ${line}: ${message}` };
}

/** What is found in the lines of a log, each of it once; no more than anybody would read. */
export function collect(
  lines: readonly string[],
  find: (line: string, index: number) => readonly Complaint[],
): Complaint[] {
  const found = new Map<string, Complaint>();
  for (const [index, line] of lines.entries()) {
    for (const one of find(line, index)) found.set(`${placeOf(one)} ${one.message}`, one);
    if (found.size >= maxComplaints) break;
  }
  return [...found.values()].slice(0, maxComplaints);
}

/** The first complaint of each place. */
export function firstOfEach(complaints: readonly Complaint[]): Complaint[] {
  const places = new Set<string>();
  return complaints.filter((one) => !places.has(placeOf(one)) && places.add(placeOf(one)));
}

/** Equal for complaints about the same value, or the same line of one. */
export function placeOf({ path, line }: Complaint): string {
  return `${path}:${line ?? ""}`;
}
