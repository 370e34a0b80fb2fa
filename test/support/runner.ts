import { randomUUID } from "node:crypto";
import type { OutputFile } from "../../src/runner/runner.ts";
import type { BuildSpec, Limits } from "../../src/spec/spec.ts";

const mebibyte = 1024 * 1024;

/** Small enough that a hostile build meets each of them within seconds. */
export const smallLimits: Limits = {
  wallSeconds: 30,
  memoryBytes: 128 * mebibyte,
  cpus: 1,
  pids: 64,
  outputBytes: 4 * mebibyte,
  outputFiles: 100,
  logBytes: 2 * mebibyte,
};

/** A spec of a test image that must leave `kiibohd.dfu.bin`. */
export function testSpec(
  image: BuildSpec["image"],
  command: string[],
  limits: Partial<Limits> = {},
): BuildSpec {
  return {
    contract: 1,
    image,
    command,
    environment: { Greeting: "hello" },
    files: [
      { name: "Demo-Standard-0.kll", text: 'U"A" : U"B";\n' },
      { name: "Demo-Standard.json", text: '{"header":{}}\n' },
    ],
    document: "Demo-Standard.json",
    limits: { ...smallLimits, ...limits },
    outputs: ["kiibohd.dfu.bin"],
  };
}

export function newBuildId(): string {
  return `test-${randomUUID()}`;
}

/** Outputs as text, by name. */
export function texts(outputs: OutputFile[]): Record<string, string> {
  return Object.fromEntries(outputs.map(({ name, bytes }) => [name, bytes.toString()]));
}
