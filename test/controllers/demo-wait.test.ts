import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDockerRunner } from "../../src/runner/docker.ts";
import type { Runner } from "../../src/runner/runner.ts";
import type { BuildSpec } from "../../src/spec/spec.ts";
import { image, kll, type Maps, requireImage, threeLayers } from "../support/demo.ts";
import { newBuildId, smallLimits } from "../support/runner.ts";
import { WarmWatch } from "../support/warm.ts";

beforeAll(() => requireImage(image));

describe("a demo container that waits", () => {
  const watch = new WarmWatch();
  let directory: string;
  let warm: Runner;
  let cold: Runner;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "kiisrv-wait-"));
    const options = {
      docker: new Docker(),
      directories: { tmpConfig: join(directory, "config"), tmpBuilds: join(directory, "builds") },
      instance: `test-${randomUUID()}`,
    };
    cold = createDockerRunner(options);
    warm = createDockerRunner({ ...options, warm: { size: 1, idleMilliseconds: 3_600_000 }, logger: watch });
  });

  afterAll(async () => {
    await warm.close();
    await rm(directory, { recursive: true });
  });

  function build(runner: Runner, maps: Maps) {
    return runner.run(spec(maps), { id: newBuildId(), signal: new AbortController().signal });
  }

  it.for<[string, Maps, string]>([
    ["firmware", threeLayers, "succeeded"],
    ["complaints", { files: { "L-0.kll": kll('U"A" : U"FOO";\n') }, base: "L-0" }, "failed"],
  ])("gives the %s of one that did not, byte for byte", async ([, maps, status]) => {
    await build(warm, threeLayers);
    await watch.waits();
    const before = watch.taken.length;
    const result = await build(warm, maps);
    expect(watch.taken).toHaveLength(before + 1);
    expect(result.status).toBe(status);
    expect({ ...result, milliseconds: 0 }).toEqual({ ...(await build(cold, maps)), milliseconds: 0 });
  });
});

describe("the wait for a job", () => {
  const job = (command: unknown, environment: unknown) => `${JSON.stringify({ command, environment })}\n`;

  it.for([
    ["nothing", "", "standard input ended without a job"],
    ["half a line", '{"command":["demo.bash"', "standard input ended without a job"],
    ["no JSON", "demo.bash\n", "not a job"],
    ["no UTF-8", Buffer.from([0x22, 0xff, 0x22, 0x0a]), "not a job"],
    ["no object", "[]\n", "it is made of a command and an environment"],
    ["no environment", '{"command":["demo.bash"]}\n', "it is made of a command and an environment"],
    ["something more", '{"command":["a"],"environment":{},"user":"root"}\n', "it is made of"],
    ["no command", job([], {}), "its command is no list of texts"],
    ["a number", job([1], {}), "its command is no list of texts"],
    ["a NUL", job(["a\0b"], {}), "its command is no list of texts"],
    ["half a character", '{"command":["\\ud800"],"environment":{}}\n', "its command is no list of texts"],
    ["a variable that is no text", job(["a"], { A: null }), "does not give each variable a text"],
    ["a variable that cannot be", job(["a"], { "A=B": "C" }), "a name that cannot be"],
    ["a wrong number of arguments", job(["demo.bash"], {}), "three arguments are needed"],
  ] as const)("ends at %s", async ([, line, reason]) => {
    const { status, output } = await wait(line);
    expect(status).toBe(1);
    expect(output).toMatch(new RegExp(`^waiting\nerror: .*${reason}`));
  });

  it("ends at a line without end", async () => {
    const { status, output } = await wait("x".repeat(3 << 20));
    expect(status).toBe(1);
    expect(output).toContain("standard input ended without a job");
  });
});

/** Starts a container of the image that waits, and says this to it. */
async function wait(line: string | Buffer) {
  const sandbox = [
    "--rm",
    "--interactive",
    "--network=none",
    "--tmpfs=/tmp:exec",
    "--tmpfs=/mnt/builds:mode=1777",
  ];
  const child = spawn("docker", ["run", ...sandbox, image, "--wait"], { timeout: 60_000 });
  const exited = once(child, "exit");
  // One that has ended reads no more.
  child.stdin.on("error", () => child.stdin.destroy());
  child.stdin.end(line);
  const output = await text(child.stdout);
  const [status] = await exited;
  return { status: status as number | null, output };
}

function spec({ files, base, layers = "" }: Maps): BuildSpec {
  return {
    contract: 1,
    image: { name: image, digest: null },
    command: ["demo.bash"],
    environment: { DefaultMapOverride: base, PartialMapsExpandedOverride: layers, Layout: "" },
    files: Object.entries(files).map(([name, content]) => ({ name, text: String(content) })),
    document: "",
    limits: smallLimits,
    outputs: ["kiibohd.dfu.bin"],
  };
}
