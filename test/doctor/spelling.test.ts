import { expect, test } from "vitest";
import { nearest } from "../../src/doctor/spelling.ts";

test("a word is near another a few letters off, and no stranger's", () => {
  const known = ["KIISRV_PORT", "KIISRV_HOST", "KIISRV_BUILD_SECONDS"];
  expect(nearest("KIISRV_PROT", known)).toBe("KIISRV_PORT");
  expect(nearest("KIISRV_BUILD_SECOND", known)).toBe("KIISRV_BUILD_SECONDS");
  expect(nearest("KIISRV_LAYOUT_LIBRARY", known)).toBeUndefined();
  expect(nearest("ps", ["gc"])).toBeUndefined();
  expect(nearest("x".repeat(400), ["serve", "gc"])).toBeUndefined();
});
