import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { planBuild } from "../src/build/plan.ts";
import { parseBuildRequest } from "../src/build/request.ts";
import { readConfig } from "../src/config.ts";
import { families } from "../src/firmware/families.ts";
import { LayoutLibrary } from "../src/layout/library.ts";
import type { BuildSpec } from "../src/spec/spec.ts";
import { openConfig, VersionStore } from "../src/store/versions.ts";
import { type Figure, printFigures, quantile } from "./support/numbers.ts";
import { demoRequest } from "./support/request.ts";
import { post, startServer } from "./support/server.ts";

const run = promisify(execFile);
const rounds = 15;

/** A build that is not cached, from POST to answer, against `docker run` of the same container, turn by turn. */
export async function benchCold(): Promise<Figure[]> {
  const server = await startServer({ environment: { KIISRV_WARM: "0" } });
  const posts: number[] = [];
  const bare: number[] = [];
  try {
    await post(server.url, demoRequest("warm-up"));
    for (let round = 0; round < rounds; round++) {
      const body = demoRequest(`round ${round}`);
      posts.push(await timed(() => post(server.url, body)));
      bare.push(await bareRun(planned(body)));
    }
  } finally {
    await server.stop();
  }
  const overhead = quantile(posts, 0.5) - quantile(bare, 0.5);
  return [
    { name: "cold POST, median", value: quantile(posts, 0.5), unit: "ms" },
    { name: "docker run of the same, median", value: quantile(bare, 0.5), unit: "ms" },
    { name: "everything else", value: overhead, unit: "ms", expected: "< 150" },
    { name: "ratio POST to docker run", value: quantile(posts, 0.5) / quantile(bare, 0.5), unit: "x" },
  ];
}

function planned(body: string): BuildSpec {
  const library = new LayoutLibrary(join(import.meta.dirname, "../layouts"));
  return planBuild(parseBuildRequest(Buffer.from(body)), {
    families,
    versions: new VersionStore(openConfig(":memory:")).all(),
    limits: readConfig({}).limits,
    baseLayout: (name) => library.base(name),
    imageDigest: () => null,
  }).spec;
}

/** The container alone: its inputs are laid out and its directories removed outside the measured time. */
async function bareRun(spec: BuildSpec): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "kiisrv-bench-"));
  const [inputs, outputs] = [join(directory, "in"), join(directory, "out")];
  await chmod(directory, 0o755);
  await mkdir(inputs);
  await mkdir(outputs);
  await chmod(outputs, 0o777);
  for (const { name, text } of spec.files) await writeFile(join(inputs, name), text);
  const environment = Object.entries(spec.environment).flatMap(([name, value]) => ["-e", `${name}=${value}`]);
  const mounts = ["-v", `${inputs}:/mnt/config/in:ro`, "-v", `${outputs}:/mnt/builds`];
  const sandbox = [
    "--rm",
    "--network",
    "none",
    "--read-only",
    "--tmpfs",
    "/tmp:exec",
    "--user",
    "65534:65534",
  ];
  try {
    return await timed(() =>
      run("docker", [
        "run",
        ...sandbox,
        ...environment,
        ...mounts,
        spec.image.name,
        ...spec.command,
        "in",
        "firmware.zip",
      ]),
    );
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

if (import.meta.main) printFigures("Cold build (Demo)", await benchCold());
