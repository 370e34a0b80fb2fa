import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const root = join(import.meta.dirname, "../..");

export interface BenchServerOptions {
  /** The only core it may run on; any, if left out. */
  core?: number;
  port?: number;
  /** Further variables of its environment. */
  environment?: Record<string, string>;
  /** Is given each line of its log; it goes nowhere, if left out. */
  onLog?: (line: string) => void;
}

export interface BenchServer {
  url: string;
  /** Milliseconds from starting the process to its first answer. */
  startMilliseconds: number;
  /** Resident memory, bytes. */
  memory(): number;
  stop(): Promise<void>;
}

/** Starts the built server (dist/) on a data directory of its own. */
export async function startServer(options: BenchServerOptions = {}): Promise<BenchServer> {
  const { core, port = 3197, environment = {}, onLog } = options;
  const directory = await mkdtemp(join(tmpdir(), "kiisrv-bench-"));
  // As bin/kiisrv starts it.
  const command = [
    process.execPath,
    "--max-semi-space-size=16",
    "--max-old-space-size=320",
    join(root, "dist/main.js"),
    "serve",
  ];
  const pinned = core === undefined ? command : ["taskset", "-c", String(core), ...command];
  const started = performance.now();
  const child = spawn(pinned[0] ?? "", pinned.slice(1), {
    cwd: root,
    stdio: ["ignore", onLog ? "pipe" : "ignore", "inherit"],
    env: {
      ...process.env,
      KIISRV_PORT: String(port),
      KIISRV_DATA: join(directory, "data"),
      KIISRV_TMP_CONFIG: join(directory, "config"),
      KIISRV_TMP_BUILDS: join(directory, "builds"),
      // One client asks as often as it can.
      KIISRV_RATE_REQUESTS: "0",
      KIISRV_RATE_LAYOUTS: "0",
      KIISRV_RATE_BUILDS: "0",
      ...environment,
    },
  });
  if (onLog && child.stdout) createInterface({ input: child.stdout }).on("line", onLog);
  const url = `http://localhost:${port}`;
  await ready(url, child);
  return {
    url,
    startMilliseconds: performance.now() - started,
    memory: () => residentBytes(child.pid ?? 0),
    async stop() {
      child.kill("SIGTERM");
      if (child.exitCode === null) await once(child, "exit");
      await rm(directory, { recursive: true });
    },
  };
}

/** Milliseconds. */
const startPatience = 30_000;

async function ready(url: string, child: ChildProcess): Promise<void> {
  let last: unknown;
  for (const begun = performance.now(); performance.now() - begun < startPatience; await sleep(5)) {
    if (child.exitCode !== null) throw new Error(`the server ended with status ${child.exitCode}`);
    try {
      const answer = await fetch(`${url}/readyz`);
      if (answer.ok) return;
      last = await answer.text();
    } catch (error) {
      last = error;
    }
  }
  child.kill("SIGKILL");
  throw new Error(`the server did not get ready: ${last}`, { cause: last });
}

/** taskset replaces itself with the server, so its pid is the server's. */
function residentBytes(pid: number): number {
  const [, kibibytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) * 1024;
}

/** Posts a request body; returns the zip's name. */
export async function post(url: string, body: string): Promise<string> {
  const answer = await fetch(`${url}/`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body,
  });
  const result = (await answer.json()) as { filename?: string; success?: boolean };
  if (!result.success || result.filename === undefined)
    throw new Error(`not built: ${JSON.stringify(result)}`);
  return result.filename;
}
