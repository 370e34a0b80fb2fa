import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import Docker from "dockerode";
import { readConfig } from "../../src/config.ts";
import { families } from "../../src/firmware/families.ts";
import { LayoutLibrary } from "../../src/layout/library.ts";
import { openConfig, VersionStore } from "../../src/store/versions.ts";
import {
  type ControllerVersion,
  chooseVersions,
  controllerImage,
  parseVersions,
} from "../images/versions.ts";
import { type Case, casesOf, firmwaresOf } from "./cases.ts";
import { type Built, compareBuilds } from "./compare.ts";
import { type Row, writeReport } from "./report.ts";
import { archiveSizes, bytesOf, bytesTogether, layersOf } from "./sizes.ts";
import { type Way, Ways } from "./ways.ts";

/**
 * Builds every board and variant with every kiibohd image there is, each layout cold, fast and warm, compares all that
 * comes out, and writes docs/kiibohd-builds.md. With versions as arguments it only says what came of those.
 *
 * LAYOUTS: a directory of layouts (`Board-Layout.json`, their bases beside them) to build besides the small ones of our own.
 */

const root = join(import.meta.dirname, "../..");
const golden = join(root, "../shared/golden/layouts");
const page = join(root, "docs/kiibohd-builds.md");
const run = promisify(execFile);
/** The board whose times are medians, and of how many builds. */
const timedBoard = { name: "KType", rounds: 3 };
/** Of the log of a build that failed, this much is shown, characters. */
const shown = 2000;

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort());
// Nobody reads what is said any more.
process.stdout.on("error", () => stopping.abort());

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  // Whatever is stopped half-way has its own word for it.
  const why = error instanceof Error ? error.message : String(error);
  say(stopping.signal.aborted ? "stopped" : `cannot go on: ${why}`);
  process.exitCode = stopping.signal.aborted ? 130 : 1;
}

async function main(wanted: string[]): Promise<number> {
  const docker = new Docker();
  const versions = await presentVersions(wanted);
  const rows: Row[] = [];
  const problems: string[] = [];
  for (const version of versions) {
    const image = await docker.getImage(controllerImage(version)).inspect();
    const cases = planCases(version, image.Id);
    problems.push(...(await unverified(version, cases)));
    rows.push(...(await buildAll(docker, version, cases)));
  }
  if (stopping.signal.aborted) return 130;
  problems.push(...rows.flatMap((row) => row.problems));
  if (wanted.length === 0) await write(docker, versions, rows);
  say(`\n${rows.length} layouts, ${problems.length} problems`);
  for (const problem of problems) say(`  ${problem}`);
  return problems.length > 0 ? 1 : 0;
}

/** @throws Error if there is nothing to verify */
async function presentVersions(wanted: string[]): Promise<ControllerVersion[]> {
  const table = readFileSync(join(root, "controllers/kiibohd/versions"), "utf8");
  const chosen = chooseVersions(parseVersions(table), wanted);
  const { stdout } = await run("docker", ["images", "--format", "{{.Repository}}"]);
  const names = stdout.split("\n");
  const present = chosen.filter((version) => names.includes(controllerImage(version)));
  const missing = chosen.filter((version) => !present.includes(version)).map(controllerImage);
  if (present.length === 0)
    throw new Error(`there is no image ${missing.join(", ")}: make images builds them`);
  if (missing.length > 0) say(`not there, so not verified: ${missing.join(", ")}`);
  return present;
}

function planCases({ tag }: ControllerVersion, digest: string): Case[] {
  const directory = process.env.LAYOUTS || (existsSync(golden) ? golden : undefined);
  const context = {
    families,
    versions: new VersionStore(openConfig(":memory:")).all(),
    limits: readConfig({}).limits,
    imageDigest: () => digest,
  };
  const library = directory === undefined ? undefined : new LayoutLibrary(directory);
  return casesOf(tag, library, context, (layout, why) => say(`left out: ${layout}: ${why}`));
}

/** The firmwares an image has proven itself with that no case builds. */
async function unverified(version: ControllerVersion, cases: readonly Case[]): Promise<string[]> {
  const image = controllerImage(version);
  const command = ["--entrypoint", "cat", image, "/opt/kiibohd/prepared/proof.json"];
  const { stdout } = await run("docker", ["run", "--rm", "--network", "none", ...command]);
  const proven: { target: string }[] = JSON.parse(stdout);
  const built = new Set(cases.flatMap(firmwaresOf));
  const left = new Set(proven.map(({ target }) => target).filter((target) => !built.has(target)));
  return [...left].map((target) => `${image}: nothing builds its firmware ${target}`);
}

async function buildAll(docker: Docker, { tag }: ControllerVersion, cases: readonly Case[]): Promise<Row[]> {
  const directory = await mkdtemp(join(tmpdir(), "kiisrv-verify-"));
  // Containers look into directories below it as users of their own.
  await chmod(directory, 0o755);
  const ways = new Ways(docker, directory);
  const rows: Row[] = [];
  try {
    for (const one of cases) {
      const builds = await buildEveryWay(ways, one);
      if (stopping.signal.aborted) break;
      const row = compareBuilds(tag, one, builds);
      rows.push(row);
      tell(row, builds);
    }
  } finally {
    await ways.close();
    await rm(directory, { recursive: true, force: true });
  }
  return rows;
}

async function buildEveryWay(ways: Ways, { board, spec }: Case): Promise<Built[]> {
  const builds: Built[] = [];
  const rounds = board === timedBoard.name ? timedBoard.rounds : 1;
  const order: Way[] = ["cold", "fast", "warm"];
  for (const way of Array.from({ length: rounds }, () => order).flat()) {
    if (stopping.signal.aborted) break;
    builds.push({ way, ...(await ways.build(way, spec, stopping.signal)) });
  }
  return builds;
}

function tell(
  { version, board, variant, layout, cold, fast, warm, problems }: Row,
  builds: readonly Built[],
): void {
  const times = [cold, fast, warm].map((seconds) => seconds.toFixed(2).padStart(7)).join("");
  const name = `${version} ${[board, variant, layout].filter(Boolean).join(" ")}`;
  say(`  ${name.padEnd(44)}${times} s  ${problems.length === 0 ? "identical" : problems.join("; ")}`);
  for (const { way, result } of builds) {
    if (result.status !== "succeeded")
      say(`---- ${way}, the end of its log ----\n${result.log.slice(-shown)}`);
  }
}

async function write(
  docker: Docker,
  versions: readonly ControllerVersion[],
  rows: readonly Row[],
): Promise<void> {
  const names = versions.map(controllerImage);
  say("Measuring the images");
  const layers = await Promise.all(names.map((name) => layersOf(docker, name)));
  const { OperatingSystem, ServerVersion } = await docker.info();
  const text = writeReport({
    date: new Date().toISOString().slice(0, 10),
    machine: `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${OperatingSystem}, Docker ${ServerVersion}`,
    rows,
    images: names.map((name, index) => ({ name, bytes: bytesOf(layers[index] ?? []) })),
    togetherBytes: bytesTogether(layers),
    archives: await archiveSizes(names, stopping.signal),
  });
  await writeFile(page, text);
  say(`written: ${page}`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
