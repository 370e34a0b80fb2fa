import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { image, requireImage, runIn } from "../support/demo.ts";

const root = join(import.meta.dirname, "../..");
const tests = join(import.meta.dirname, "toolchain");

interface Verdict {
  name: string;
  fault: string | null;
}

/** Runs the Python tests on the tree's own toolchain, with the compiler of the image. */
async function runTests(): Promise<Verdict[]> {
  await requireImage(image);
  const volumes = [
    ...["--volume", `${join(root, "controllers/toolchain")}:/tree/toolchain:ro`],
    ...["--volume", `${tests}:/tree/tests:ro`],
  ];
  const environment = ["--env", "PYTHONPATH=/tree", "--env", "PYTHONDONTWRITEBYTECODE=1"];
  const { status, log } = await runIn([...volumes, ...environment], ["python3", "/tree/tests/run.py"]);
  if (status !== 0) throw new Error(log);
  return log
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Verdict);
}

const verdicts = await runTests();

describe("the toolchain's own tests, in the image", () => {
  it.for(verdicts)("$name", ({ fault }) => {
    expect(fault ?? "").toBe("");
  });

  it("ran", () => {
    const modules = new Set(verdicts.map(({ name }) => name.split(".")[0]));
    expect([...modules].sort()).toEqual(["test_building", "test_headers", "test_packing", "test_units"]);
  });
});
