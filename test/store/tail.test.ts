import fc from "fast-check";
import { expect, test } from "vitest";
import { tail } from "../../src/store/tail.ts";

test.each([
  ["short", 10, "short"],
  ["0123456789", 4, "6789"],
  ["aé", 2, "é"],
  ["aé", 1, ""],
  ["⌨⌨", 5, "⌨"],
])("tail of %j in %i bytes is %j", (text, limit, expected) => {
  expect(tail(text, limit)).toBe(expected);
});

test("a tail is an end of the text and loses at most one character's bytes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.nat(40), (text, limit) => {
      const end = tail(text, limit);
      const bytes = Buffer.byteLength(end);
      expect(text.endsWith(end)).toBe(true);
      expect(bytes).toBeLessThanOrEqual(limit);
      expect(bytes).toBeGreaterThanOrEqual(Math.min(Buffer.byteLength(text), limit - 3));
    }),
  );
});
