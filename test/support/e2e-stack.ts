import { execFile, spawnSync } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { chmod, chown, cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import Docker from "dockerode";
import { freePort } from "../../scripts/free-port.ts";
import { type DaemonProxy, proxyDaemon } from "./daemon-proxy.ts";

const run = promisify(execFile);
const docker = new Docker();
const checkout = fileURLToPath(new URL("../..", import.meta.url));

/** Who runs Compose: nobody this machine knows, in a group of theirs that owns the daemon's socket. */
const operator = { uid: 4711, gid: 54321 };

/** The Compose commands of this machine; KIISRV_COMPOSE names one that is not on the path. */
export function composeCommands(): string[][] {
  const named = process.env.KIISRV_COMPOSE;
  const candidates = [["docker", "compose"], ["docker-compose"], ...(named ? [[named]] : [])];
  return candidates.filter(
    ([program = "", ...args]) => spawnSync(program, [...args, "version"], { stdio: "ignore" }).status === 0,
  );
}

/** A stack, run by an operator in a directory that holds nothing but its compose file and what that mounts. Needs root. */
export class Stack {
  readonly directory: string;
  readonly ports: { plain: number; http: number; https: number };
  readonly #compose: string[];
  readonly #file: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #daemon: DaemonProxy;
  readonly #project: string;

  private constructor(parts: {
    directory: string;
    file: string;
    ports: Stack["ports"];
    compose: string[];
    image: string;
    daemon: DaemonProxy;
  }) {
    this.directory = parts.directory;
    this.ports = parts.ports;
    this.#compose = parts.compose;
    this.#file = parts.file;
    this.#daemon = parts.daemon;
    this.#project = `kiisrv-e2e-${randomUUID()}`;
    this.#environment = {
      PATH: process.env.PATH,
      HOME: parts.directory,
      DOCKER_HOST: `unix://${parts.daemon.socketPath}`,
      COMPOSE_PROJECT_NAME: this.#project,
      KIISRV_IMAGE: parts.image,
      KIISRV_SOCKET: parts.daemon.socketPath,
      KIISRV_PORT: String(parts.ports.plain),
      KIISRV_HTTP_PORT: String(parts.ports.http),
      KIISRV_HTTPS_PORT: String(parts.ports.https),
      KIISRV_RAW_ADDRESSES: "true",
      ...ownSubnets(),
    };
  }

  /**
   * Prepares the directory and a socket of an unusual group; starts nothing.
   * @param files of the checkout: the compose file, then what it mounts
   */
  static async create(compose: string[], image: string, ...files: [string, ...string[]]): Promise<Stack> {
    const directory = await mkdtemp(join(tmpdir(), "kiisrv-e2e-stack-"));
    for (const name of files) {
      await cp(join(checkout, name), join(directory, name), { recursive: true, verbatimSymlinks: true });
    }
    await chown(directory, operator.uid, operator.uid);
    const sockets = await mkdtemp(join(tmpdir(), "kiisrv-e2e-socket-"));
    await chmod(sockets, 0o755);
    const daemon = await proxyDaemon(join(sockets, "docker.sock"));
    await chown(daemon.socketPath, 0, operator.gid);
    await chmod(daemon.socketPath, 0o660);
    const [plain, http, https] = [await freePort("::"), await freePort("::"), await freePort("::")];
    return new Stack({ directory, file: files[0], ports: { plain, http, https }, compose, image, daemon });
  }

  /** Runs Compose with the profile `proxy` active or none; returns what it prints. @throws Error with its complaints */
  async compose(profile: "proxy" | "", ...args: string[]): Promise<string> {
    const [program = "", ...first] = this.#compose;
    const environment = { ...this.#environment, ...(profile === "" ? {} : { COMPOSE_PROFILES: profile }) };
    const { stdout } = await run(program, [...first, "--file", this.#file, ...args], {
      ...operator,
      cwd: this.directory,
      env: environment,
      timeout: 110_000,
    });
    return stdout;
  }

  /** What the daemon knows of a service's container. */
  async inspect(service: string): Promise<Docker.ContainerInspectInfo> {
    const label = [`com.docker.compose.project=${this.#project}`, `com.docker.compose.service=${service}`];
    const [container] = await docker.listContainers({ all: true, filters: { label } });
    if (container === undefined) throw new Error(`the service ${service} has no container`);
    return docker.getContainer(container.Id).inspect();
  }

  /** Addresses of clients as the server has stored them. */
  async clients(): Promise<string[]> {
    const script = `const db = new (require("better-sqlite3"))("/var/lib/kiisrv/data/stats.db", { readonly: true });
      console.log(JSON.stringify(db.prepare("SELECT DISTINCT ip_addr FROM Requests").pluck().all()));`;
    return JSON.parse(await this.compose("proxy", "exec", "-T", "kiisrv", "node", "-e", script)) as string[];
  }

  /** Takes all of it away, data and all; returns the names of what is left. */
  async takeDown(): Promise<string[]> {
    await this.compose("proxy", "down", "--volumes");
    const filters = { label: [`com.docker.compose.project=${this.#project}`] };
    const [containers, networks, { Volumes }] = await Promise.all([
      docker.listContainers({ all: true, filters }),
      docker.listNetworks({ filters }),
      docker.listVolumes({ filters }),
    ]);
    return [
      ...containers.flatMap(({ Names }) => Names),
      ...[...networks, ...Volumes].map(({ Name }) => Name),
    ];
  }

  async remove(): Promise<void> {
    await this.takeDown();
    await this.#daemon.close();
    await rm(join(this.#daemon.socketPath, ".."), { recursive: true });
    await rm(this.directory, { recursive: true });
  }

  /** What is in the directory now. */
  files(): Promise<string[]> {
    return readdir(this.directory);
  }
}

/** Networks that no other stack on this machine has, and what follows from them. */
function ownSubnets() {
  const [a = 0, b = 0] = randomBytes(2);
  const prefix = `fd${randomBytes(5)
    .toString("hex")
    .replace(/^(..)(....)(....)$/, "$1:$2:$3")}`;
  const proxy = { v4: `10.${a}.${b}.240/28`, v6: `${prefix}:2::/64` };
  return {
    KIISRV_SUBNET6: `${prefix}:1::/64`,
    KIISRV_PROXY_SUBNET: proxy.v4,
    KIISRV_PROXY_SUBNET6: proxy.v6,
    KIISRV_TRUSTED_PROXIES: `${proxy.v4},${proxy.v6}`,
  };
}
