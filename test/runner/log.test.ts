import fc from "fast-check";
import { expect, test } from "vitest";
import { BoundedLog } from "../../src/runner/log.ts";

function logOf(chunks: string[], head: number, tail: number): string {
  const log = new BoundedLog(head, tail);
  for (const chunk of chunks) log.add(chunk);
  return log.toString();
}

test("a short log is kept whole, but for NUL", () => {
  expect(logOf(["a\0b", "\x1b[31mred\n"], 4, 8)).toBe("ab\x1b[31mred\n");
});

test("of a long log the beginning and the end are kept, and what is missing is said", () => {
  expect(logOf(["abcdefgh", "ijklmnop"], 3, 4)).toBe("abc\n[... 9 characters left out ...]\nmnop");
});

test("how a log is cut does not depend on the pieces it came in", () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.nat(20), fc.nat(20), (chunks, head, tail) => {
      expect(logOf(chunks, head, tail)).toBe(logOf([chunks.join("")], head, tail));
    }),
  );
});

test("reading a log does not end it", () => {
  const log = new BoundedLog(1, 1);
  log.add("abc");
  expect(log.toString()).toBe("a\n[... 1 characters left out ...]\nc");
  log.add("de");
  expect(log.toString()).toBe("a\n[... 3 characters left out ...]\ne");
});

test("a cut through a character leaves well-formed text", () => {
  expect(logOf(["x😀y😀z"], 2, 2).isWellFormed()).toBe(true);
});
