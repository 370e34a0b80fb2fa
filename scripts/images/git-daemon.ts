import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { freePort } from "../free-port.ts";

const run = promisify(execFile);
const host = "127.0.0.1";
/** The addresses are part of what Docker's cache knows a step by: a port that changes would have all fetched again. */
const ports = { first: 9418, last: 9449 };
/** Time until it answers, milliseconds. */
const patience = 10_000;

/**
 * Serves git repositories of this machine to builds on its network, read-only, for as long as that takes. Neither the
 * repositories nor anybody's git configuration are changed.
 */
export class GitDaemon {
  readonly #port: number;
  readonly #process: ChildProcess;

  private constructor(port: number, process: ChildProcess) {
    this.#port = port;
    this.#process = process;
  }

  /**
   * @param paths absolute ones, of clones or bare repositories
   * @param log the file that gets what it says
   * @throws Error if one is no repository, or it does not get to answer
   */
  static async start(paths: readonly string[], log: string): Promise<GitDaemon> {
    for (const path of paths) await requireRepository(path);
    const port = await usualPort();
    const args = ["--reuseaddr", "--export-all", `--listen=${host}`, `--port=${port}`, "--", ...paths];
    const file = openSync(log, "w");
    const process = spawn("git", ["daemon", ...args], {
      stdio: ["ignore", file, file],
      env: environment(),
    });
    closeSync(file);
    const daemon = new GitDaemon(port, process);
    try {
      await once(process, "spawn");
      for (const path of paths) await daemon.#answer(path);
    } catch (cause) {
      await daemon.stop();
      const said = readFileSync(log, "utf8").trim();
      throw new Error(`git cannot serve ${paths.join(", ")}: ${said || reason(cause)}`, { cause });
    }
    return daemon;
  }

  address(path: string): string {
    return `git://${host}:${this.#port}${encodeURI(path)}`;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null || !this.#process.kill()) return;
    await once(this.#process, "exit");
  }

  /** Waits until a repository can be read. */
  async #answer(path: string): Promise<void> {
    for (const late = performance.now() + patience; ; await sleep(50)) {
      try {
        await run("git", ["ls-remote", this.address(path)], { timeout: patience });
        return;
      } catch (error) {
        // It does not listen yet.
        if (this.#process.exitCode !== null || performance.now() > late) throw error;
      }
    }
  }
}

async function requireRepository(path: string): Promise<void> {
  try {
    await run("git", ["-C", path, "rev-parse", "--git-dir"], { env: environment() });
  } catch (cause) {
    throw new Error(`there is no git repository at ${path}`, { cause });
  }
}

async function usualPort(): Promise<number> {
  for (let port = ports.first; ; port++) {
    try {
      return await freePort(host, port);
    } catch (error) {
      if (port === ports.last) throw error;
    }
  }
}

/** Builds fetch only the files they need, and the owner of a repository may be somebody else. */
function environment(): NodeJS.ProcessEnv {
  const settings = [
    ["uploadpack.allowFilter", "true"],
    ["safe.directory", "*"],
  ];
  const numbered = settings.flatMap(([key, value], index) => [
    [`GIT_CONFIG_KEY_${index}`, key],
    [`GIT_CONFIG_VALUE_${index}`, value],
  ]);
  return { ...process.env, ...Object.fromEntries(numbered), GIT_CONFIG_COUNT: String(settings.length) };
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
