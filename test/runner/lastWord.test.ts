import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LastWord } from "../../src/runner/lastWord.ts";

const id = "7d1f";
const line = "kiisrv: done 7d1f\n";

/** What is log of a text that comes in these pieces, and whether it had its last word. */
function hear(...pieces: string[]): { log: string; said: boolean } {
  const word = new LastWord(id);
  const log = pieces.map((piece) => word.take(piece)).join("");
  return { log: log + word.rest(), said: word.said };
}

describe("the last word of a build", () => {
  test.each([
    ["after a log", `compile: a.c\n${line}`, "compile: a.c\n"],
    ["alone", line, ""],
    ["with something after it", `a\n${line}b\n`, "a\n"],
    ["twice", line + line, ""],
    ["after an empty line", `\n${line}`, "\n"],
    ["after its own beginning", `kiisrv: done\n${line}`, "kiisrv: done\n"],
  ])("is heard %s", (_where, text, log) => {
    expect(hear(text)).toEqual({ log, said: true });
  });

  test.each([
    ["another build's", "kiisrv: done 7d1e\n"],
    ["a longer one", "kiisrv: done 7d1f0\n"],
    ["within a line", ` ${line}`],
    ["without an end", line.trimEnd()],
    ["of a log without any", "compile: a.c\nkiis"],
    ["of no log", ""],
  ])("is not %s", (_what, text) => {
    expect(hear(text)).toEqual({ log: text, said: false });
  });

  test("is the same in pieces of any size", () => {
    const words = fc.constantFrom(line, "kiisrv: ", "kiisrv: done 7", "d1f", "\n", "a", "compile: b.c\n");
    fc.assert(
      fc.property(fc.array(words), fc.array(fc.nat(30)), (texts, sizes) => {
        const text = texts.join("");
        const pieces: string[] = [];
        let at = 0;
        for (const size of sizes) {
          pieces.push(text.slice(at, at + size));
          at += size;
        }
        pieces.push(text.slice(at));
        const end = `\n${text}`.indexOf(`\n${line}`);
        const expected = { log: end < 0 ? text : text.slice(0, end), said: end >= 0 };
        expect(hear(...pieces)).toEqual(expected);
      }),
    );
  });
});
