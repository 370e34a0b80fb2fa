import { expect, test } from "vitest";
import { logLines } from "../../src/firmware/logLines.ts";

test("lines are free of colours, and of white space at their ends", () => {
  expect(logLines("\u001b[5;1;31mERROR\u001b[0m: a\u001b[K \t\r\n  b [1m]\n")).toEqual([
    "ERROR: a",
    "  b [1m]",
    "",
  ]);
});

test("of a long log both ends count, and what lies between does not", () => {
  const between = "between\n".repeat(100_000);
  const lines = logLines(`first\n${between}last`);
  expect([lines[0], lines.at(-1)]).toEqual(["first", "last"]);
  expect(lines.length).toBeLessThan(40_000);
  expect(logLines(`${"a".repeat(64 * 1024)}${"b".repeat(192 * 1024)}`)).toHaveLength(1);
});

test("of a long line the beginning counts", () => {
  expect(logLines(`begins ${"x".repeat(5000)}`)[0]).toMatch(/^begins x+$/);
  expect(logLines("x".repeat(5000))[0]).toHaveLength(2000);
});
