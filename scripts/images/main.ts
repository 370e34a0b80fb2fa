import { execFile } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import { sharedCommand, sharedImage, versionCommand } from "./command.ts";
import { Job, runJobs } from "./job.ts";
import { Screen } from "./screen.ts";
import { openSources, packageIndex } from "./sources.ts";
import { chooseVersions, controllerImage, parseVersions } from "./versions.ts";

/**
 * Builds the server's image and those of the kiibohd controllers, some at a time. Arguments: the versions meant (all, if
 * there are none). Steps that Docker has in its cache are not done again, so whatever is interrupted goes on from there.
 */

const root = join(import.meta.dirname, "../..");
const logs = join(root, ".tools/log");
/** Of the log of a build that failed, this much is shown, lines. */
const shown = 15;

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort());
// Nobody reads what is said any more.
process.stdout.on("error", () => stopping.abort());

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  say(`cannot go on: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}

async function main(wanted: string[]): Promise<number> {
  const table = readFileSync(join(root, "controllers/kiibohd/versions"), "utf8");
  const versions = chooseVersions(parseVersions(table), wanted);
  const atOnce = jobsAtOnce(process.env.JOBS);
  mkdirSync(logs, { recursive: true });
  const index = await packageIndex(process.env);
  const environment = { ...process.env, ...(index ? { PIP_INDEX_URL: index } : {}) };
  const sources = await openSources(process.env, join(logs, "git-daemon.log"));
  const common = { directory: root, environment, idOf: imageId };
  const job = (image: string, command: readonly string[]) =>
    new Job({ ...common, image, command, log: join(logs, `${image}.log`) });
  const shared = job(sharedImage, sharedCommand(sources.addresses, environment));
  const server = new Job({
    ...common,
    image: "kiisrv-server",
    command: ["scripts/server-image.sh"],
    log: join(logs, "server-image.log"),
    steps: join(logs, "kiisrv-server.log"),
  });
  const controllers = versions.map((version) =>
    job(controllerImage(version), versionCommand(version, sources.addresses, environment)),
  );

  const jobs = [shared, server, ...controllers];
  const screen = new Screen(() => jobs.map((one) => one.row()));
  screen.start();
  try {
    await runJobs([shared, server], atOnce, stopping.signal);
    if (shared.outcome !== "failed") await runJobs(controllers, atOnce, stopping.signal);
  } finally {
    screen.stop();
    await sources.close();
  }
  return conclude(jobs);
}

async function imageId(image: string): Promise<string> {
  const { stdout } = await promisify(execFile)("docker", ["images", "--no-trunc", "--quiet", image]);
  return stdout.trim();
}

function jobsAtOnce(given: string | undefined): number {
  const number = Number(given || 2);
  if (!Number.isInteger(number) || number < 1)
    throw new Error(`JOBS=${given}: must be a whole number from 1`);
  return number;
}

/** Says what failed and why. @returns the exit status */
function conclude(jobs: readonly Job[]): number {
  const failed = jobs.filter(({ outcome }) => outcome === "failed");
  for (const job of failed) {
    say(`\n---- ${job.image} failed; the last lines of ${relative(root, job.log)} ----`);
    say(job.lastWords(shown));
  }
  say("");
  for (const job of jobs) {
    say(`    ${job.image.padEnd(24)}${(job.outcome ?? "not begun").padEnd(12)}${relative(root, job.log)}`);
  }
  if (stopping.signal.aborted) {
    say("\nStopped. `make images` goes on from here.");
    return 130;
  }
  return failed.length > 0 ? 1 : 0;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
