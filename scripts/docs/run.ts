import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { text } from "node:stream/consumers";
import { freePort } from "../free-port.ts";
import { type Page, root } from "./page.ts";
import { marker, type Session, session } from "./session.ts";

/** What came of a page: everything its commands printed, and the line of the block that failed. */
export interface Outcome extends Pick<Session, "ran" | "left"> {
  output: string;
  failedAt: number | null;
}

/** What a page's commands may take, milliseconds. */
const patience = 10 * 60 * 1000;

/**
 * Runs the commands of a page as one shell session, in a copy of the checkout with data, ports and a Compose project of its
 * own, on the real Docker daemon. Afterwards the copy and the project are gone.
 */
export async function runPage(page: Page, options: { heavy: boolean }): Promise<Outcome> {
  const port = await freePort("::");
  const compose = composeCommand();
  const { script, ran, left } = session(page, { port, compose: compose.join(" "), heavy: options.heavy });
  if (ran === 0) return { ran, left, output: "", failedAt: null };
  const project = `kiisrv-docs-${randomBytes(4).toString("hex")}`;
  const place = await mkdtemp(join(tmpdir(), `${project}-`));
  const environment = await surroundings(port, project);
  try {
    await copyCheckout(place);
    const shell = spawn(
      "bash",
      [
        "-c",
        `exec 2>&1
${script}`,
      ],
      {
        cwd: place,
        env: environment,
        stdio: ["ignore", "pipe", "inherit"],
        timeout: patience,
      },
    );
    const ended = new Promise<number | null>((resolve) => shell.once("close", resolve));
    const output = await text(shell.stdout);
    return { ran, left, output, failedAt: (await ended) === 0 ? null : lastLine(output) };
  } finally {
    removeProject(compose, project, { place, environment });
    await rm(place, { recursive: true, force: true });
  }
}

function lastLine(output: string): number {
  return Number(
    output
      .split("\n")
      .findLast((line) => line.startsWith(marker))
      ?.slice(marker.length) ?? 0,
  );
}

function composeCommand(): string[] {
  const plugin = spawnSync("docker", ["compose", "version"], { stdio: "ignore" }).status === 0;
  return plugin ? ["docker", "compose"] : ["docker-compose"];
}

async function surroundings(port: number, project: string): Promise<NodeJS.ProcessEnv> {
  const { PATH = "", HOME, DOCKER_HOST, KIISRV_IMAGE } = process.env;
  const network = `fd${randomBytes(5)
    .toString("hex")
    .replace(/^(..)(....)(....)$/, "$1:$2:$3")}`;
  return {
    // As in the pages: `kiisrv` is the checkout's.
    PATH: ["bin", join(root, ".tools/node/bin"), PATH].join(delimiter),
    HOME,
    DOCKER_HOST,
    KIISRV_IMAGE,
    KIISRV_PORT: String(port),
    KIISRV_HTTP_PORT: String(await freePort("::")),
    KIISRV_HTTPS_PORT: String(await freePort("::")),
    COMPOSE_PROJECT_NAME: project,
    KIISRV_SUBNET6: `${network}:1::/64`,
    KIISRV_PROXY_SUBNET6: `${network}:2::/64`,
  };
}

/** What git knows or would take; tools and modules by link. It is compiled only if the checkout is not: files keep their times. */
async function copyCheckout(place: string): Promise<void> {
  const copied = spawnSync(
    "bash",
    [
      "-euo",
      "pipefail",
      "-c",
      `git ls-files -co --exclude-standard -z | tar -c --null -T - | tar -x -C "$0"`,
      place,
    ],
    { cwd: root, encoding: "utf8" },
  );
  if (copied.status !== 0) throw new Error(`the checkout cannot be copied: ${copied.stderr}`);
  await cp(join(root, "dist"), join(place, "dist"), { recursive: true, preserveTimestamps: true });
  await mkdir(join(root, ".tools"), { recursive: true });
  for (const name of ["node_modules", ".tools"]) await symlink(join(root, name), join(place, name));
  const built = spawnSync("make", ["build"], { cwd: place, encoding: "utf8" });
  if (built.status !== 0) throw new Error(`the copy cannot be compiled: ${built.stdout}${built.stderr}`);
}

/** What Compose made of either file; a page leaves its stack as a reader would. */
function removeProject(
  [program = "", ...args]: string[],
  project: string,
  { place, environment }: { place: string; environment: NodeJS.ProcessEnv },
): void {
  const ids = (...list: string[]) =>
    spawnSync("docker", [...list, "--filter", `label=com.docker.compose.project=${project}`], {
      encoding: "utf8",
    }).stdout.trim();
  if (ids("ps", "-aq") === "" && ids("volume", "ls", "-q") === "" && ids("network", "ls", "-q") === "")
    return;
  for (const file of ["compose.yaml", "compose.prod.yaml"])
    spawnSync(program, [...args, "-f", file, "down", "--volumes", "--remove-orphans"], {
      cwd: place,
      env: { ...environment, COMPOSE_PROFILES: "proxy" },
      stdio: "ignore",
    });
}
