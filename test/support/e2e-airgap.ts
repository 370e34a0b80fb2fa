import { execFile, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { readAddress } from "../../src/http/addresses.ts";
import { SpareDaemon } from "./e2e-daemon.ts";
import { canRunDaemon } from "./e2e-root.ts";
import { composeCommands } from "./e2e-stack.ts";

const run = promisify(execFile);

const [composeCommand] = composeCommands();
const works = (program: string, option: string) => spawnSync(program, [option]).status === 0;

/** Whether a host of its own, with networks of its own, can be made on this machine. */
export const canRunAirgapped =
  canRunDaemon && composeCommand !== undefined && works("ip", "-Version") && works("ip6tables", "--version");

/** One of the two networks of the host: the host's address in it, and two of ours. */
export interface Link {
  host: string;
  client: string;
  neighbour: string;
}

/**
 * A host that has two IPv6 addresses and no other, not even 127.0.0.1; no route but to the networks of these two; and a
 * Docker daemon without an image, told no more than docs/CONTAINERIZED_DEPLOYMENT.md tells an operator. It is a network
 * namespace, and this machine is at the other end of its one cable. Needs root.
 */
export class AirgappedHost {
  readonly links: [Link, Link];
  /** The operator's directory. */
  readonly directory: string;
  readonly daemon: SpareDaemon;
  readonly #namespace: string;
  readonly #cable: string;

  private constructor(id: string, directory: string, daemon: SpareDaemon) {
    this.directory = directory;
    this.daemon = daemon;
    this.links = [linkOf(id, 1), linkOf(id, 2)];
    this.#namespace = namespaceOf(id);
    this.#cable = `kii-${id}`;
  }

  /** Makes it; its daemon is not started. */
  static async create(): Promise<AirgappedHost> {
    const id = randomBytes(5).toString("hex");
    const daemon = await SpareDaemon.create({
      // Not `ip netns exec`: that hides the control groups.
      enter: ["nsenter", `--net=${namespaceOf(id)}`],
      options: ["--experimental", "--ip6tables"],
    });
    const directory = await mkdtemp(join(tmpdir(), "kiisrv-airgapped-"));
    const host = new AirgappedHost(id, directory, daemon);
    await host.#connect(basename(namespaceOf(id)));
    return host;
  }

  async #connect(namespace: string): Promise<void> {
    const outside = (line: string) => run("ip", line.split(" "));
    const inside = (line: string) => outside(`-netns ${namespace} ${line}`);
    await outside(`netns add ${namespace}`);
    await outside(`link add ${this.#cable} type veth peer name eth0 netns ${namespace}`);
    // Without a search for duplicates, so that the addresses can be used at once.
    for (const { host, client, neighbour } of this.links) {
      await inside(`address add ${host}/64 dev eth0 nodad`);
      await outside(`address add ${client}/64 dev ${this.#cable} nodad`);
      await outside(`address add ${neighbour}/64 dev ${this.#cable} nodad`);
    }
    await outside(`link set ${this.#cable} up`);
    await inside("link set eth0 up");
    await inside("link set lo up");
    await inside("address delete 127.0.0.1/8 dev lo");
  }

  /** Runs a line of shell there, in the operator's directory; returns what it prints. @throws Error with its complaints */
  async sh(line: string): Promise<string> {
    const env = { PATH: process.env.PATH, HOME: this.directory, DOCKER_HOST: this.daemon.host };
    const args = [`--net=${this.#namespace}`, "sh", "-c", line];
    const options = { cwd: this.directory, env, timeout: 110_000, maxBuffer: 64 * 2 ** 20 };
    const { stdout } = await run("nsenter", args, options);
    return stdout;
  }

  /** What the documentation writes as `docker compose -f compose.prod.yaml …`. */
  compose(line: string): Promise<string> {
    return this.sh(`${composeCommand?.join(" ")} -f compose.prod.yaml ${line}`);
  }

  /** Writes the operator's settings; that of the socket, which is in no usual place, is among them. */
  async configure(settings: Record<string, string>): Promise<void> {
    const all = { ...settings, KIISRV_SOCKET: this.daemon.host.replace("unix://", "") };
    const lines = Object.entries(all).map(([name, value]) => `${name}=${value}\n`);
    await writeFile(join(this.directory, ".env"), lines.join(""));
  }

  /** How many packets containers have sent where no way leads. */
  async strayPackets(): Promise<number> {
    const counters = await this.sh("nstat --ignore --noupdate --zeros --json IpExtInNoRoutes Ip6InNoRoutes");
    const { kernel } = JSON.parse(counters) as { kernel: Record<string, number> };
    return Object.values(kernel).reduce((sum, count) => sum + count, 0);
  }

  /** Addresses of clients as the server has stored them. */
  async clients(): Promise<string[]> {
    const script = `const db = new (require("better-sqlite3"))("/var/lib/kiisrv/data/stats.db", { readonly: true });
      console.log(JSON.stringify(db.prepare("SELECT DISTINCT ip_addr FROM Requests").pluck().all()));`;
    return JSON.parse(await this.compose(`exec -T kiisrv node -e '${script}'`)) as string[];
  }

  /** Takes all of it away. */
  async remove(): Promise<void> {
    await this.daemon.remove();
    await run("ip", ["link", "delete", this.#cable]);
    await run("ip", ["netns", "delete", basename(this.#namespace)]);
    await rm(this.directory, { recursive: true });
  }
}

/** The file that stands for the namespace. */
function namespaceOf(id: string): string {
  return `/run/netns/kiisrv-${id}`;
}

/** @param id ten hexadecimal digits, so that no other run has the same networks */
function linkOf(id: string, number: number): Link {
  const prefix = `fd${id.slice(0, 2)}:${id.slice(2, 6)}:${id.slice(6)}:${number}`;
  const address = (end: number) => readAddress(`${prefix}::${end}`) ?? prefix;
  return { host: address(7), client: address(1), neighbour: address(2) };
}

/**
 * Sends one request from one of our addresses; returns the status of the answer.
 * @param at the server's address: that in the URL, or where its name would lead if anybody resolved it
 * @param body is posted as JSON
 */
export async function ask(url: string, from: string, at: string, body?: unknown): Promise<number> {
  const { protocol, hostname, host, port, pathname } = new URL(url);
  const { request } = protocol === "https:" ? https : http;
  const asking = request({
    ...{ host: at, port, path: pathname, localAddress: from, agent: false, timeout: 60_000 },
    // Addresses are not called by name.
    ...(hostname.startsWith("[") ? {} : { servername: hostname }),
    method: body === undefined ? "GET" : "POST",
    headers: { Host: host, "Content-Type": "application/json" },
  });
  asking.on("timeout", () => asking.destroy(new Error(`${url} does not answer`)));
  asking.end(body === undefined ? undefined : JSON.stringify(body));
  const [answer] = (await once(asking, "response")) as [http.IncomingMessage];
  await buffer(answer);
  return answer.statusCode ?? 0;
}
