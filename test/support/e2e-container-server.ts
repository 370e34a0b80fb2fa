import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import Docker from "dockerode";
import { expect, vi } from "vitest";
import type { Examined } from "../../src/doctor/examine.ts";
import { daemonAddress } from "./daemon-proxy.ts";
import { containersOf } from "./e2e-containers.ts";
import { offerVersions, writeLibrary } from "./e2e-server.ts";
import { buildDirectory } from "./images.ts";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../..", import.meta.url));
const docker = new Docker();

/** Builds the server's image under a name of its own. */
export async function buildServerImage(): Promise<string> {
  const name = `kiisrv-server-e2e-${randomUUID()}`;
  await buildDirectory(name, repository);
  return name;
}

/** The server in its container, run as compose.yaml runs it: host paths, the daemon's socket, nothing made beforehand. */
export class ContainerServer {
  readonly #image: string;
  readonly #root: string;
  #container = "";
  url = "";

  private constructor(image: string, root: string) {
    this.#image = image;
    this.#root = root;
  }

  /**
   * Prepares a library and a table of versions; starts nothing.
   * @param latest the image that builds kiibohd boards of the version `latest`
   */
  static async create(image: string, latest: string): Promise<ContainerServer> {
    const root = await mkdtemp(join(tmpdir(), "kiisrv-e2e-container-"));
    const server = new ContainerServer(image, root);
    await cp(join(repository, "layouts"), join(root, "layouts"), { recursive: true, verbatimSymlinks: true });
    await writeLibrary(join(root, "layouts"));
    await mkdir(join(root, "data"));
    offerVersions(join(root, "data"), { latest });
    return server;
  }

  /** Runs it and waits until it could build. */
  async start(): Promise<void> {
    const address = daemonAddress();
    const socket = "path" in address ? address.path : "/var/run/docker.sock";
    const mounts = {
      [socket]: "/var/run/docker.sock",
      [join(this.#root, "data")]: "/var/lib/kiisrv/data",
      [join(this.#root, "config")]: "/var/lib/kiisrv/tmp_config",
      [join(this.#root, "builds")]: "/var/lib/kiisrv/tmp_builds",
      [join(this.#root, "layouts")]: "/app/layouts",
    };
    const { stdout } = await run("docker", [
      ...["run", "--detach", "--user", "0:0", "--publish", "127.0.0.1::3001"],
      ...["--env", `HOST_TMP_CONFIG=${join(this.#root, "config")}`],
      ...["--env", `HOST_TMP_BUILDS=${join(this.#root, "builds")}`],
      ...["--env", "KIISRV_START_CHECKS=none"],
      ...Object.entries(mounts).flatMap(([host, container]) => ["--volume", `${host}:${container}`]),
      this.#image,
    ]);
    this.#container = stdout.trim();
    const { NetworkSettings } = await this.inspect();
    this.url = `http://127.0.0.1:${NetworkSettings.Ports["3001/tcp"]?.[0]?.HostPort}`;
    const ready = async () => expect((await fetch(`${this.url}/readyz`)).status).toBe(200);
    await vi.waitFor(ready, { timeout: 60_000, interval: 100 });
  }

  inspect() {
    return docker.getContainer(this.#container).inspect();
  }

  /** What `kiisrv doctor` says, run as an operator would. */
  async doctor(): Promise<Examined[]> {
    const command = ["exec", this.#container, "kiisrv", "doctor", "--json"];
    const { stdout } = await run("docker", command).catch((ended: { stdout: string }) => ended);
    return (JSON.parse(stdout) as { checks: Examined[] }).checks;
  }

  /** What the kernel says of the server's process, e.g. `Uid` -> `1000 1000 1000 1000`. */
  async processStatus(): Promise<Map<string, string>> {
    const { stdout } = await run("docker", ["exec", this.#container, "cat", "/proc/1/status"]);
    return new Map(
      stdout.split("\n").map((line) => {
        const [name = "", value = ""] = line.split(":\t");
        return [name, value.trim().replaceAll("\t", " ")] as const;
      }),
    );
  }

  /** Fails if a build left anything behind; containers that wait for the next one may be there, if it is said so. */
  async expectTidy(mayWait = false): Promise<void> {
    await vi.waitFor(() => this.#expectTidy(mayWait), { timeout: 10_000 });
  }

  async #expectTidy(mayWait: boolean): Promise<void> {
    const left = (names: string[]) => names.filter((name) => !mayWait || !/^(\/kiisrv-)?warm-/.test(name));
    const { stdout } = await run("docker", ["logs", this.#container]);
    const instance = /"instance":"([^"]+)"/.exec(stdout)?.[1] ?? "";
    expect(instance).not.toBe("");
    expect(left(await containersOf(instance))).toEqual([]);
    const inputs = await readdir(join(this.#root, "config"));
    const outputs = await readdir(join(this.#root, "builds"));
    expect(left(inputs)).toEqual([]);
    expect(left(outputs).filter((name) => !/^[^.].*\.zip$/.test(name))).toEqual([]);
  }

  /** `docker stop`, with the grace time that compose.yaml gives; returns the exit status. */
  async stop(): Promise<number> {
    await run("docker", ["stop", "--time", "40", this.#container]);
    return (await this.inspect()).State.ExitCode;
  }

  async remove(): Promise<void> {
    if (this.#container !== "") await run("docker", ["rm", "--force", this.#container]);
    // By now these are its user's files, which whoever runs the tests may not remove.
    const clear = ["--entrypoint", "find", this.#image, "/test", "-mindepth", "1", "-delete"];
    await run("docker", ["run", "--rm", "--user", "0:0", "--volume", `${this.#root}:/test`, ...clear]);
    await rm(this.#root, { recursive: true });
  }
}
