import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configurationPage } from "../../scripts/docs/configuration.ts";

test("docs/CONFIGURATION.md lists the variables there are (else: node scripts/docs/configuration.ts)", () => {
  expect(readFileSync(new URL("../../docs/CONFIGURATION.md", import.meta.url), "utf8")).toBe(
    configurationPage(),
  );
});
