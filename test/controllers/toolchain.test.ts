import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { image, requireImage, runIn } from "../support/demo.ts";

const root = join(import.meta.dirname, "../..");
const suites = [
  { name: "toolchain", modules: ["test_building", "test_headers", "test_packing", "test_units"] },
  { name: "kiibohd", modules: ["test_combinators", "test_jobs", "test_kll", "test_recipe"] },
];

interface Verdict {
  name: string;
  fault: string | null;
}

/** Runs Python tests on what the tree has for controllers, with the compiler of the image. */
async function runTests(suite: string): Promise<Verdict[]> {
  await requireImage(image);
  const volumes = [
    ...["--volume", `${join(root, "controllers/toolchain")}:/tree/toolchain:ro`],
    ...["--volume", `${join(root, "controllers/kiibohd/controller")}:/tree/controller:ro`],
    ...["--volume", `${join(import.meta.dirname, suite)}:/tree/tests:ro`],
    ...["--volume", `${join(import.meta.dirname, "report.py")}:/tree/report.py:ro`],
  ];
  const environment = ["--env", "PYTHONPATH=/tree", "--env", "PYTHONDONTWRITEBYTECODE=1"];
  const { status, log } = await runIn(
    [...volumes, ...environment],
    ["python3", "/tree/report.py", "/tree/tests"],
  );
  if (status !== 0) throw new Error(log);
  return log
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Verdict);
}

describe.each(suites)("the tests of $name, in the image", async ({ name: suite, modules }) => {
  const verdicts = await runTests(suite);

  it.for(verdicts)("$name", ({ fault }) => {
    expect(fault ?? "").toBe("");
  });

  it("ran", () => {
    expect([...new Set(verdicts.map(({ name }) => name.split(".")[0]))].sort()).toEqual(modules);
  });
});
