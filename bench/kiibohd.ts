import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openConfig } from "../src/store/versions.ts";
import { type Figure, printFigures, quantile } from "./support/numbers.ts";
import { post, startServer } from "./support/server.ts";
import { WaitingContainers } from "./support/waiting.ts";

const rounds = 9;
/** Milliseconds between two builds. */
const rest = 500;
const image = "kiisrv-controller-057";
/** The same toolchain, going the way of the images in the field. */
const fieldVersion = { name: "field", container: "controller-057-field" };
const layouts = join(import.meta.dirname, "../../shared/golden/layouts");
const keys = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/**
 * An edited K-Type layout, from POST to answer: built as in the field in a new container, the fast way in a new one, and the
 * fast way in one that waited; turn by turn, each round with another key changed. Needs the network to make the first image.
 */
export async function benchKiibohd(): Promise<Figure[]> {
  if (!hasImage() || !existsSync(layouts)) {
    console.log(`\nK-Type: left out, for it needs the image ${image} and the layout KType-Standard`);
    return [];
  }
  const field = `kiisrv-${fieldVersion.container}`;
  const given = ["--build-arg", `IMAGE=${image}`, "--build-arg", "PIP_INDEX_URL"];
  execFileSync("docker", ["build", "--quiet", "--tag", field, ...given, join(import.meta.dirname, "field")]);
  const data = await mkdtemp(join(tmpdir(), "kiisrv-bench-"));
  try {
    return await measure(data);
  } finally {
    execFileSync("docker", ["rmi", "--no-prune", field], { stdio: "ignore" });
    await rm(data, { recursive: true });
  }
}

async function measure(data: string): Promise<Figure[]> {
  offerFieldVersion(data);
  const times = { field: [] as number[], fast: [] as number[], warm: [] as number[] };
  const waiting = new WaitingContainers();
  const common = { KIISRV_LAYOUTS: layouts };
  const fresh = await startServer({ environment: { ...common, KIISRV_DATA: data, KIISRV_WARM: "0" } });
  try {
    const environment = { ...common, KIISRV_WARM: "1", KIISRV_LOG_LEVEL: "debug" };
    const warm = await startServer({ port: 3198, environment, onLog: (line) => waiting.take(line) });
    try {
      for (const { url } of [fresh, warm]) await post(url, edited(0, "latest"));
      for (let round = 1; round <= rounds; round++) {
        await waiting.reached(round);
        times.field.push(await timed(fresh.url, edited(round, fieldVersion.name)));
        times.fast.push(await timed(fresh.url, edited(round, "latest")));
        times.warm.push(await timed(warm.url, edited(round, "latest")));
      }
    } finally {
      await warm.stop();
    }
  } finally {
    await fresh.stop();
  }
  const figure = (name: string, value: number) => ({ name, value, unit: "ms" });
  return [
    figure("POST, as in the field in a new container, median", quantile(times.field, 0.5)),
    figure("POST, the fast way in a new container, median", quantile(times.fast, 0.5)),
    figure("POST, the fast way in a waiting container, median", quantile(times.warm, 0.5)),
    ratio("ratio field to fast way", times.field, times.fast, 7),
    ratio("ratio field to waiting container", times.field, times.warm, 12),
  ];
}

/** The median of the rounds' own ratios: the machine may be faster in one round than in another. */
function ratio(name: string, slow: number[], fast: number[], least: number): Figure {
  const ratios = slow.map((time, round) => time / (fast[round] ?? Number.NaN));
  return { name, value: quantile(ratios, 0.5), unit: "x", expected: `>= ${least}` };
}

function hasImage(): boolean {
  return execFileSync("docker", ["images", "--quiet", image], { encoding: "utf8" }).trim() !== "";
}

function offerFieldVersion(data: string): void {
  const database = openConfig(join(data, "config.db"));
  const insert = database.prepare(
    "INSERT INTO Versions (name, channel, container, git_tag, family, dialect) SELECT ?, channel, ?, git_tag, family, dialect FROM Versions WHERE name = 'v0.5.7'",
  );
  insert.run(fieldVersion.name, fieldVersion.container);
  database.close();
}

/** The stock layout with one key changed, another one each round, as a client posts it. */
function edited(round: number, version: string): string {
  const config = JSON.parse(readFileSync(join(layouts, "K-Type-Standard.json"), "utf8"));
  config.matrix[12].layers["0"].key = keys[round % keys.length];
  config.header.Author = `round ${round}`;
  return JSON.stringify({ config, env: version });
}

/** On a machine at rest: what the last build left is cleared away after its answer. */
async function timed(url: string, body: string): Promise<number> {
  await sleep(rest);
  const started = performance.now();
  await post(url, body);
  return performance.now() - started;
}

if (import.meta.main) printFigures("K-Type, an edited layout", await benchKiibohd());
