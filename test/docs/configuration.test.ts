import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configurationPage } from "../../scripts/config-docs.ts";

test("docs/CONFIGURATION.md lists the variables there are (else: node scripts/config-docs.ts)", () => {
  expect(readFileSync(new URL("../../docs/CONFIGURATION.md", import.meta.url), "utf8")).toBe(
    configurationPage(),
  );
});
