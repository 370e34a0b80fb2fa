import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The images of `test/support/images`: see their Dockerfiles. */
export type TestImage = "hostile" | "field";

/**
 * Builds one of the images tests run, under a name of its own.
 * @param options further ones of `docker build`
 * @returns its content id, `sha256:…`
 */
export function buildImage(name: string, image: TestImage, ...options: string[]): Promise<string> {
  return buildDirectory(name, fileURLToPath(new URL(`images/${image}`, import.meta.url)), ...options);
}

/**
 * Builds what the Dockerfile of a directory says.
 * @param options further ones of `docker build`
 * @returns the image's content id
 */
export async function buildDirectory(name: string, directory: string, ...options: string[]): Promise<string> {
  const args = ["build", "--quiet", "--force-rm", "--tag", name, ...options, directory];
  const build = () => run("docker", args);
  // Once more: a cached step that this build counts on may go away with another test run's image.
  const { stdout } = await build().catch(build);
  return stdout.trim();
}

export async function removeImage(name: string): Promise<void> {
  await run("docker", ["image", "rm", "--force", name]);
}
