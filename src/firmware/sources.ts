import { maxComplaints } from "../layout/json.ts";
import type { Origin } from "../layout/kll.ts";
import type { Origins } from "../layout/origins.ts";

/** A line of a KLL file that came from the layout. */
export interface SourceLine {
  text: string;
  origin: Origin;
}

/** Longer lines are no one's typing; the rest of them is not searched. */
const longestLine = 2000;
/** Characters searched, all searches together: bounds the time a log full of words can cost. */
const mostSearched = 4_000_000;

/** The KLL files of a layout as its build read them: from a place or a word in them back to the layout. */
export class Sources {
  /** File name -> its lines; those without an origin count as the line before them. */
  readonly #files = new Map<string, (SourceLine | undefined)[]>();
  readonly #found = new Map<string, SourceLine[]>();
  #searched = 0;
  #searchable: { line: SourceLine; code: string }[] | undefined;

  constructor(files: readonly { name: string; text: string }[], origins: Origins) {
    for (const { name, text } of files) {
      const known = origins[name];
      if (!known) continue;
      let last: SourceLine | undefined;
      const lines = text.split("\n").map((line, index) => {
        const origin = known[index];
        if (origin) last = { text: line.slice(0, longestLine), origin };
        return last;
      });
      this.#files.set(name, lines);
    }
  }

  /** @param line counts from 1 */
  at(file: string, line: number): SourceLine | undefined {
    return this.#files.get(file)?.[line - 1];
  }

  /**
   * The lines whose code holds a word, outside of comments and key names; white space beside punctuation does not
   * count. Header lines are found only where no other line has the word: next to nothing is made from them.
   */
  withWord(word: string): SourceLine[] {
    const known = this.#found.get(word);
    if (known) return known;
    const found = this.matching((code) => holdsWord(code, word));
    const others = found.filter(({ origin }) => !/^[^.]*\.header\./.test(origin.path));
    const lines = others.length > 0 ? others : found;
    this.#found.set(word, lines);
    return lines;
  }

  /**
   * The lines whose code, see `withWord`, passes a test, which is given the whole line, too; not more than can be told.
   * None once too much was searched.
   */
  matching(test: (code: string, line: SourceLine) => boolean): SourceLine[] {
    if (this.#searched >= mostSearched) return [];
    this.#searchable ??= [...this.#files.values()].flatMap((lines) =>
      [...new Set(lines)].flatMap((line) => (line ? [{ line, code: codeOf(line.text) }] : [])),
    );
    return this.#searchable
      .filter(({ code, line }) => {
        this.#searched += line.text.length;
        return test(code, line);
      })
      .slice(0, maxComplaints)
      .map(({ line }) => line);
  }
}

/** A line without its comment and key names (`U"A"`), and without white space beside punctuation. */
function codeOf(text: string): string {
  return text
    .replace(/(?<!\w)\w*"[^"]*"|'[^']*'|#.*/g, (part) => (/^(?:\w|#)/.test(part) ? "" : part))
    .replace(/\s+/g, " ")
    .replace(/ ?([^\w ]) ?/g, "$1");
}

function holdsWord(code: string, word: string): boolean {
  for (let at = code.indexOf(word); at >= 0; at = code.indexOf(word, at + 1)) {
    const starts = !/^\w/.test(word) || !/\w/.test(code[at - 1] ?? "");
    const ends = !/\w$/.test(word) || !/\w/.test(code[at + word.length] ?? "");
    if (starts && ends) return true;
  }
  return false;
}
