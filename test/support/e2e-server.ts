import { type ChildProcessByStdio, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import Docker from "dockerode";
import { expect, onTestFinished, vi } from "vitest";
import { openConfig } from "../../src/store/versions.ts";
import { bases, body, demoDocument } from "./documents.ts";
import { type Answer, download, post } from "./e2e-client.ts";
import { containersOf, removeContainersOf } from "./e2e-containers.ts";

export interface ServerOptions {
  /** Version -> name of the image that builds kiibohd boards. */
  versions?: Record<string, string>;
  /** Those that are to lie elsewhere. Default: below a new one; the library then holds the bases of documents.ts. */
  directories?: Partial<Directories>;
  environment?: Record<string, string>;
  /** The daemon it works with; default: that of these tests. */
  daemon?: Docker;
}

export interface Directories {
  data: string;
  layouts: string;
  tmpConfig: string;
  tmpBuilds: string;
  artifacts: string;
}

interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

const repository = fileURLToPath(new URL("../..", import.meta.url));

/** A server process of its own: directories, port, log. It can be killed and started again on the same data. */
export class ServerProcess {
  readonly directories: Directories;
  readonly daemon: Docker;
  /** Everything it has logged, in all its lives. */
  readonly log: string[] = [];
  url = "";
  /** What its containers are labelled with. */
  instance = "";
  readonly #root: string;
  readonly #environment: Record<string, string>;
  #process: ChildProcessByStdio<null, Readable, Readable> | undefined;
  #exit: Promise<Exit> | undefined;
  #logged = Promise.withResolvers<void>();

  private constructor(root: string, options: ServerOptions) {
    const at = (name: string) => join(root, name);
    this.#root = root;
    this.directories = {
      data: at("data"),
      layouts: at("layouts"),
      tmpConfig: at("config"),
      tmpBuilds: at("builds"),
      artifacts: at("artifacts"),
      ...options.directories,
    };
    this.#environment = options.environment ?? {};
    this.daemon = options.daemon ?? new Docker();
  }

  /** Makes the directories, the library and the table of versions; starts nothing. */
  static async create(options: ServerOptions = {}): Promise<ServerProcess> {
    const root = await mkdtemp(join(tmpdir(), "kiisrv-e2e-"));
    const server = new ServerProcess(root, options);
    for (const directory of Object.values(server.directories)) await mkdir(directory, { recursive: true });
    if (options.directories?.layouts === undefined) await writeLibrary(server.directories.layouts);
    offerVersions(server.directories.data, options.versions ?? {});
    return server;
  }

  /** Starts the process and waits until it listens. */
  async start(): Promise<void> {
    const { data, layouts, tmpConfig, tmpBuilds, artifacts } = this.directories;
    const environment = {
      ...process.env,
      KIISRV_HOST: "127.0.0.1",
      KIISRV_PORT: "0",
      KIISRV_DATA: data,
      KIISRV_LAYOUTS: layouts,
      KIISRV_TMP_CONFIG: tmpConfig,
      KIISRV_TMP_BUILDS: tmpBuilds,
      KIISRV_ARTIFACTS: artifacts,
      // Tests count containers; those about the ones that wait turn them on.
      KIISRV_WARM: "0",
      // Likewise: what is checked at start takes a container and directories, too.
      KIISRV_START_CHECKS: "none",
      // Tests ask often; the one about budgets sets them.
      KIISRV_RATE_REQUESTS: "0",
      KIISRV_RATE_LAYOUTS: "0",
      KIISRV_RATE_BUILDS: "0",
      ...this.#environment,
    };
    const from = this.log.length;
    // As bin/kiisrv and the server's image start it.
    const child = spawn(
      process.execPath,
      ["--max-semi-space-size=16", "--max-old-space-size=320", "src/main.ts", "serve"],
      {
        cwd: repository,
        env: environment,
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    this.#process = child;
    this.#exit = new Promise((resolve) => child.once("close", (code, signal) => resolve({ code, signal })));
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => this.#take(line));
    }
    const failed = this.#exit.then(({ code }) => {
      throw new Error(`the server ended with ${code}: ${this.log.slice(from).join("\n")}`);
    });
    const listening = await Promise.race([this.logged('"msg":"listening"', from), failed]);
    const { port, instance } = JSON.parse(listening) as { port: number; instance: string };
    this.url = `http://127.0.0.1:${port}`;
    this.instance = instance;
  }

  /** Waits for a line that holds this text, after the first `from` lines of the log. */
  async logged(text: string, from = 0): Promise<string> {
    for (;;) {
      const logged = this.#logged.promise;
      const line = this.log.slice(from).find((one) => one.includes(text));
      if (line !== undefined) return line;
      await logged;
    }
  }

  /** Of the process that runs. */
  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error("the server was not started");
    return pid;
  }

  /** Sends a signal; `ended` tells when that had its effect. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** How the process ended, once it has. */
  async ended(): Promise<Exit> {
    if (this.#exit === undefined) throw new Error("the server was not started");
    return this.#exit;
  }

  /** `kill -9`, and a new life on the same data. */
  async killAndRestart(): Promise<void> {
    this.signal("SIGKILL");
    await this.ended();
    await this.start();
  }

  post(document: unknown, version = "latest"): Promise<Answer> {
    return post(this.url, body(document, version));
  }

  download(answer: Pick<Answer, "filename">): Promise<Map<string, Buffer>> {
    return download(this.url, answer);
  }

  /** Lets a `gated` build go on. */
  async openGate(build: string): Promise<void> {
    await writeFile(join(this.directories.tmpConfig, build, "go"), "");
  }

  /** The published zips, and whatever else lies there. */
  artifacts(): Promise<string[]> {
    return readdir(this.directories.artifacts);
  }

  /** Fails if a build left anything behind, or the server does not answer any more. */
  async expectTidy(): Promise<void> {
    await vi.waitFor(() => this.#expectTidy(), { timeout: 10_000 });
  }

  async #expectTidy(): Promise<void> {
    const { tmpConfig, tmpBuilds } = this.directories;
    const [containers, inputs, outputs, artifacts] = await Promise.all([
      containersOf(this.instance, this.daemon),
      readdir(tmpConfig),
      readdir(tmpBuilds),
      this.artifacts(),
    ]);
    const unfinished = artifacts.filter((name) => !/^[^.].*\.zip$/.test(name));
    expect({ containers, inputs, outputs, unfinished }).toEqual({
      containers: [],
      inputs: [],
      outputs: [],
      unfinished: [],
    });
    expect((await fetch(`${this.url}/healthz`)).status).toBe(200);
  }

  /** Ends the process by force and removes all there is of it. */
  async remove(): Promise<void> {
    this.signal("SIGKILL");
    await this.#exit;
    try {
      if (this.instance !== "") await removeContainersOf(this.instance, this.daemon);
    } finally {
      await rm(this.#root, { recursive: true, force: true });
    }
  }

  #take(line: string): void {
    this.log.push(line);
    this.#logged.resolve();
    this.#logged = Promise.withResolvers<void>();
  }
}

/** A server for one test; when the test is over it must be alive with nothing left behind. */
export async function serverForTest(options: ServerOptions = {}): Promise<ServerProcess> {
  const server = await ServerProcess.create(options);
  onTestFinished(async ({ task }) => {
    try {
      if (task.result?.state === "fail") console.error(server.log.join("\n"));
      else await server.expectTidy();
    } finally {
      await server.remove();
    }
  });
  await server.start();
  return server;
}

/** A layout for the stand-in toolchain, whose variant says how it builds. */
export function layout(variant: string, name = "Tiny") {
  const document = demoDocument();
  Object.assign(document.header, { Name: "MD1.1", Variant: variant, Layout: name });
  return document;
}

/** Writes the bases of documents.ts into a layout library. */
export async function writeLibrary(directory: string): Promise<void> {
  for (const [name, document] of Object.entries(bases)) {
    await writeFile(join(directory, name), JSON.stringify(document));
  }
}

/** Has an image build the kiibohd boards of a version, as an operator would say it: in config.db. */
export function offerVersions(data: string, versions: Record<string, string>): void {
  const database = openConfig(join(data, "config.db"));
  const offer = database.prepare<[string, string]>(
    "INSERT OR REPLACE INTO Versions (name, container, family) VALUES (?, ?, 'kiibohd')",
  );
  for (const [name, image] of Object.entries(versions)) offer.run(name, image.replace(/^kiisrv-/, ""));
  database.close();
}
