import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll } from "vitest";
import { buildDirectory, buildImage, removeImage, type TestImage } from "./images.ts";

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
    await buildDirectory(name, directory, "--build-arg", `BASE=${base}`);
  });
  afterAll(async () => {
    await removeImage(name);
    await removeImage(base);
  });
  return name;
}
