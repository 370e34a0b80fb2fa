import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { onTestFinished } from "vitest";

/**
 * Runs a module's text in a Node process of its own, started in the repository's root; it is killed with the test.
 * Its standard error is the test's.
 */
export function spawnScript(
  text: string,
  environment: Record<string, string> = {},
): ChildProcessByStdio<null, Readable, null> {
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", text], {
    cwd: new URL("../..", import.meta.url),
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

/** Everything a script prints, once it has ended well. */
export async function outputOf(text: string, environment: Record<string, string> = {}): Promise<string> {
  const child = spawnScript(text, environment);
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  let output = "";
  for await (const chunk of child.stdout) output += String(chunk);
  const code = await ended;
  if (code !== 0) throw new Error(`the script ended with ${code}: ${output}`);
  return output;
}
