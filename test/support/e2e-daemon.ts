import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import Docker from "dockerode";
import { vi } from "vitest";

const run = promisify(execFile);

/** Where a daemon's networks are: never those of the machine. */
export interface DaemonPlace {
  /** The command that runs another one there. */
  enter: readonly string[];
  /** What the daemon is told of networks. */
  options: readonly string[];
}

/** A namespace for itself, since a daemon that is told to have no bridge removes the one that is there. */
const nowhere: DaemonPlace = { enter: ["unshare", "--net"], options: ["--bridge=none", "--iptables=false"] };

/** A Docker daemon of the tests' own, beside the real one: it can be stopped. Needs root. */
export class SpareDaemon {
  readonly docker: Docker;
  /** As DOCKER_HOST has it. */
  readonly host: string;
  readonly #root: string;
  readonly #place: DaemonPlace;
  #process: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  private constructor(root: string, place: DaemonPlace) {
    const socketPath = join(root, "docker.sock");
    this.#root = root;
    this.#place = place;
    this.host = `unix://${socketPath}`;
    this.docker = new Docker({ socketPath });
  }

  /** Prepares it; starts nothing. Without a place it has no network. */
  static async create(place = nowhere): Promise<SpareDaemon> {
    return new SpareDaemon(await mkdtemp(join(tmpdir(), "kiisrv-dockerd-")), place);
  }

  /** Starts it and waits until it answers. */
  async start(): Promise<void> {
    const at = (name: string) => join(this.#root, name);
    const [program = "", ...args] = this.#place.enter;
    const own = [
      `--data-root=${at("data")}`,
      `--exec-root=${at("exec")}`,
      `--pidfile=${at("pid")}`,
      `--host=${this.host}`,
      "--shutdown-timeout=1",
    ];
    const command = [...args, "dockerd", ...own, ...this.#place.options];
    const child = spawn(program, command, { stdio: ["ignore", "ignore", "pipe"] });
    child.stderr.pipe(createWriteStream(at("log"), { flags: "a" }));
    this.#process = child;
    this.#ended = new Promise((resolve) => child.once("exit", () => resolve()));
    try {
      await vi.waitFor(() => this.docker.ping(), { timeout: 60_000, interval: 100 });
    } catch (cause) {
      const log = await readFile(at("log"), "utf8");
      throw new Error(`the spare daemon does not answer: ${log.slice(-4000)}`, { cause });
    }
  }

  /** Ends it the way a machine's init does; with `--shutdown-timeout`, its containers are killed after a second. */
  async stop(): Promise<void> {
    this.#process?.kill("SIGTERM");
    await this.#ended;
  }

  /** Gives it an image of the real daemon. */
  async load(image: string): Promise<void> {
    await run("sh", ["-c", 'docker save "$1" | docker --host "$2" load', "sh", image, this.host]);
  }

  /** Ends it and removes all it had. */
  async remove(): Promise<void> {
    await this.stop();
    await rm(this.#root, { recursive: true, force: true });
  }
}
