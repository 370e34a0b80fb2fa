import type { Complaint } from "../errors.ts";
import { maxComplaints } from "../layout/json.ts";
import { compilerComplaints, directComplaints, overflowComplaints } from "./compilerMessages.ts";
import { firstOfEach, placeOf } from "./complaints.ts";
import { kllComplaints } from "./kllMessages.ts";
import { logLines } from "./logLines.ts";
import type { Sources } from "./sources.ts";

const longestMessage = 300;

/**
 * What the log of a failed build says is wrong with the layout; empty where nothing in it leads back there. Whether a
 * build failed must be known already: the logs of good builds hold errors, too.
 *
 * @param root the path of the layout as a whole, e.g. for a firmware that is too big
 */
export function trace(log: string, sources: Sources, root: string): Complaint[] {
  const lines = logLines(log);
  const complaints: Complaint[] = [];
  // From the surest to the vaguest: of a place that one has spoken of, the next has nothing to add.
  for (const found of [
    directComplaints(lines, sources),
    kllComplaints(lines, sources),
    overflowComplaints(lines, root),
    firstOfEach(compilerComplaints(lines, sources)),
  ]) {
    const places = new Set(complaints.map(placeOf));
    complaints.push(...found.filter((one) => !places.has(placeOf(one))));
  }
  return complaints.slice(0, maxComplaints).map((one) => ({ ...one, message: short(one.message) }));
}

/** Lines that speak of errors and explain none; kll prints the first two kinds on good builds. */
const noise = [
  /^ERROR: \S+\.kll$/,
  /possibly incompatible KLL expressions/,
  /^ERROR: Invalid stage status/,
  /^ERROR: \w+:\w+ -> /,
  /^collect2: error:/,
  /^(?:FAILED|ninja|make(?:\[\d+\])?): /,
  /^Error in \w+\. Exiting/,
];

/** What may explain a failure, the best first. */
const telling = [
  /(?:^|\s)(?:fatal )?error: /i,
  /^[\w.]*(?:Error|Exception)(?:: |$)/,
  /^CMake Error/,
  /: undefined reference to /,
];

/** Where the toolchain's files lie is of no use to a person. */
const directory = /^\/\S*\/(?=[^\s/]+:\d)/;

/** The line of a failed build's log that tells a person most; undefined for an empty log. */
export function tellingLine(log: string): string | undefined {
  const lines = logLines(log).filter((line) => !noise.some((pattern) => pattern.test(line)));
  for (const pattern of telling) {
    const found = lines.find((line) => pattern.test(line));
    if (found !== undefined) return short(found.replace(directory, ""));
  }
  const last = lines.findLast((line) => /\S/.test(line));
  return last === undefined ? undefined : short(last);
}

/** As it may be shown: without control characters, not longer than a few lines. */
function short(text: string): string {
  const plain = text.replace(/\p{Cc}+/gu, " ").trim();
  const kept = plain.length <= longestMessage ? plain : `${plain.slice(0, longestMessage)}…`;
  return kept.toWellFormed();
}
