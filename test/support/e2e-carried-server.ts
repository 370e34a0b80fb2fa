import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { vi } from "vitest";

const run = promisify(execFile);

/** Asks the server from inside its container, which has no network but its own loopback. */
const request = `
  const [path, body] = JSON.parse(process.argv[1]);
  const url = "http://localhost:3001" + path;
  const answer = await fetch(url, body && { method: "POST", body, headers: { "content-type": "application/json" } });
  if (!answer.ok) throw new Error(answer.status + " " + await answer.text());
  process.stdout.write(Buffer.from(await answer.arrayBuffer()).toString("base64"));`;

/** The server of a bundle, on the daemon the bundle was carried to. What it stores outlives its container. */
export class CarriedServer {
  readonly #daemon: string[];
  readonly #socket: string;

  /** @param host the daemon, as DOCKER_HOST has it */
  constructor(host: string) {
    this.#daemon = ["--host", host];
    this.#socket = host.replace("unix://", "");
  }

  #docker(...args: string[]) {
    return run("docker", [...this.#daemon, ...args], { maxBuffer: 64 * 1024 * 1024 });
  }

  /** Runs `kiisrv-server`, whatever that is by now, instead of the one that runs, and waits until it could build. */
  async start(): Promise<void> {
    await this.stop();
    const volumes = [
      `${this.#socket}:/var/run/docker.sock`,
      ...["data", "tmp_config", "tmp_builds"].map((name) => `kiisrv_${name}:/var/lib/kiisrv/${name}`),
    ];
    await this.#docker(
      ...["run", "--detach", "--name", "kiisrv", "--user", "0:0", "--network", "none"],
      ...volumes.flatMap((volume) => ["--volume", volume]),
      "kiisrv-server",
    );
    await vi.waitFor(() => this.get("/readyz"), { timeout: 60_000, interval: 250 });
  }

  /** The way an operator stops it. */
  async stop(): Promise<void> {
    await this.#docker("stop", "--time", "40", "kiisrv").catch(ignoreMissing);
    await this.#docker("rm", "--force", "kiisrv").catch(ignoreMissing);
  }

  async image(): Promise<string> {
    return (await this.#docker("inspect", "--format", "{{.Image}}", "kiisrv")).stdout.trim();
  }

  get(path: string): Promise<Buffer> {
    return this.#ask([path]);
  }

  /** Has a layout built; returns the firmware's path and bytes. */
  async build(document: unknown): Promise<{ path: string; firmware: Buffer }> {
    const answer = await this.#ask(["/", JSON.stringify({ config: document, env: "latest" })]);
    const { filename, success } = JSON.parse(String(answer)) as { filename: string; success: boolean };
    if (!success) throw new Error(`the build failed: ${filename}`);
    const path = filename.slice(1);
    return { path, firmware: await this.get(path) };
  }

  async #ask(question: [path: string, body?: string]): Promise<Buffer> {
    const script = ["node", "--input-type=module", "--eval", request, JSON.stringify(question)];
    const { stdout } = await this.#docker("exec", "kiisrv", ...script);
    return Buffer.from(stdout, "base64");
  }
}

function ignoreMissing(error: Error): void {
  if (!error.message.includes("No such container")) throw error;
}
