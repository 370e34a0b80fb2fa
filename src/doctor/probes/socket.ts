import { existsSync } from "node:fs";
import { access, constants, readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import type { SocketFacts } from "../facts.ts";

const usual = "/var/run/docker.sock";

type Environment = Readonly<Record<string, string | undefined>>;

/** Looks at what is where the daemon should be; asks it nothing. */
export async function lookAtSocket(environment: Environment): Promise<SocketFacts> {
  const address = daemonAddress(environment);
  const tls = environment.DOCKER_TLS_VERIFY === "1" || address.endsWith(":2376");
  const path = address.startsWith("unix://") ? address.slice("unix://".length) : null;
  const others = candidates(environment).filter((other) => other !== path && existsSync(other));
  if (path === null) return { address, path, file: null, permitted: true, others, tls };
  const [file, permitted] = await Promise.all([describe(path), mayUse(path)]);
  return { address, path, file, permitted, others, tls };
}

/** As the daemon's client finds it. */
export function daemonAddress({ DOCKER_HOST: host = "" }: Environment, exists = existsSync): string {
  const own = join(homedir(), ".docker/run/docker.sock");
  if (host === "" || host === "unix://") return `unix://${exists(own) ? own : usual}`;
  return host;
}

/** Where daemons of other kinds have their sockets. */
function candidates({
  XDG_RUNTIME_DIR: runtime = `/run/user/${process.getuid?.() ?? 0}`,
}: Environment): string[] {
  return [
    usual,
    join(runtime, "docker.sock"),
    join(runtime, "podman/podman.sock"),
    "/run/podman/podman.sock",
  ];
}

async function describe(path: string): Promise<SocketFacts["file"]> {
  const found = await stat(path).catch(absent);
  if (found === undefined) return null;
  const { uid, gid, mode } = found;
  return { isSocket: found.isSocket(), uid, gid, mode, group: await groupName(gid) };
}

async function mayUse(path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** In a container there may be no table of groups, and mostly it does not know those of the host. */
async function groupName(gid: number): Promise<string | null> {
  const table = await readFile("/etc/group", "utf8").catch(() => "");
  const line = table.split("\n").find((one) => one.split(":")[2] === String(gid));
  return line?.split(":")[0] ?? null;
}

function absent(error: unknown): undefined {
  if (
    error instanceof Error &&
    "code" in error &&
    ["ENOENT", "EACCES", "ENOTDIR"].includes(String(error.code))
  )
    return;
  throw error;
}
