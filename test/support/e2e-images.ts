import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll } from "vitest";
import { buildImage, removeImage, type TestImage } from "./images.ts";

const run = promisify(execFile);

/** The images of `test/e2e/images`, each with what it stands on. */
const bases = { toolchain: "hostile", field: "field" } as const satisfies Record<string, TestImage>;

/**
 * Provides an image for the tests of a file, under a name of its own.
 * @returns the name; the image is there from the first test on
 */
export function standIn(kind: keyof typeof bases): string {
  const name = `kiisrv-controller-e2e-${kind}-${randomUUID()}`;
  const base = `${name}-base`;
  const directory = fileURLToPath(new URL(`../e2e/images/${kind}`, import.meta.url));
  beforeAll(async () => {
    await buildImage(base, bases[kind]);
    await run("docker", [
      "build",
      "--quiet",
      "--force-rm",
      "--build-arg",
      `BASE=${base}`,
      "--tag",
      name,
      directory,
    ]);
  });
  afterAll(async () => {
    await removeImage(name);
    await removeImage(base);
  });
  return name;
}
