/** Longer lines are cut: what explains a failure, or tells a size, stands at the beginning. */
const longestLine = 2000;

/** Characters of a log that are searched: compilers fail early or late. Bounds the time a hostile log can cost. */
const headSearched = 64 * 1024;
const tailSearched = 192 * 1024;

/**
 * Colours, and the clearing of a line's rest, as compilers print them. Not Node's `stripVTControlCharacters`: its time
 * grows with the square of what it is given.
 */
const colour = new RegExp(`${String.fromCharCode(0x1b)}\\[[\\d;]*[A-Za-z]`, "g");

/** The lines of a log, of a long one those at its ends, without colours and trailing white space. */
export function logLines(log: string): string[] {
  return ends(log)
    .split("\n")
    .map((line) => line.slice(0, longestLine).replace(colour, "").trimEnd());
}

function ends(log: string): string {
  if (log.length <= headSearched + tailSearched) return log;
  return `${log.slice(0, headSearched)}\n${log.slice(-tailSearched)}`;
}
