import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { doctorPage } from "../../scripts/doctor-docs.ts";

test("docs/DOCTOR.md lists the checks there are (else: node scripts/doctor-docs.ts)", () => {
  expect(readFileSync(new URL("../../docs/DOCTOR.md", import.meta.url), "utf8")).toBe(doctorPage());
});
