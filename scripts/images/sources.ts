import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { SourceAddresses } from "./command.ts";
import { GitDaemon } from "./git-daemon.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The addresses builds fetch from, and what has to be ended when they are done. */
export interface Sources {
  addresses: SourceAddresses;
  close(): Promise<void>;
}

/**
 * What CONTROLLER_REPOSITORY and HID_LAYOUTS_REPOSITORY ask for. Paths of this machine are served to builds by a git
 * daemon, which says what it has to say in `log`.
 * @throws Error for a path that is no repository, or a Docker daemon that is not on this machine
 */
export async function openSources(environment: Environment, log: string): Promise<Sources> {
  const { CONTROLLER_REPOSITORY: controller, HID_LAYOUTS_REPOSITORY: hidLayouts } = environment;
  const paths = [controller, hidLayouts].flatMap((repository) => localPath(repository) ?? []);
  if (paths.length > 0 && !isLocalDaemon(environment.DOCKER_HOST)) {
    throw new Error(
      `${paths[0]} is on this machine, but the Docker daemon is not: give it an address instead`,
    );
  }
  const daemon = paths.length > 0 ? await GitDaemon.start(paths, log) : undefined;
  const address = (repository: string | undefined) => {
    const path = localPath(repository);
    return path === undefined ? repository : daemon?.address(path);
  };
  return {
    addresses: sourceAddresses(address(controller), address(hidLayouts)),
    close: async () => daemon?.stop(),
  };
}

function sourceAddresses(controller: string | undefined, hidLayouts: string | undefined): SourceAddresses {
  return {
    ...(controller ? { controller } : {}),
    ...(hidLayouts ? { hidLayouts } : {}),
    onLoopback: [controller, hidLayouts].some((address) => address !== undefined && isLoopback(address)),
  };
}

/** The absolute path a repository is meant by; undefined if it is an address, or none is given. */
export function localPath(repository: string | undefined): string | undefined {
  if (!repository) return undefined;
  if (repository.startsWith("file://")) return fileURLToPath(repository);
  // With a colon before any slash it is host:path, as ssh has it.
  if (/^[^/]*:/.test(repository)) return undefined;
  return resolve(repository);
}

/** Whether an address means the machine that asks for it. */
export function isLoopback(address: string): boolean {
  return /^[a-z+]+:\/\/(?:[^@/]*@)?(?:localhost|127\.[\d.]+|\[::1\])(?:[:/]|$)/i.test(address);
}

function isLocalDaemon(dockerHost: string | undefined): boolean {
  return !dockerHost || dockerHost.startsWith("unix://");
}

/** The package index this machine's pip is told to use; undefined for the usual one. */
export async function packageIndex(environment: Environment): Promise<string | undefined> {
  if (environment.PIP_INDEX_URL) return environment.PIP_INDEX_URL;
  try {
    const { stdout } = await promisify(execFile)("pip", ["config", "get", "global.index-url"], {
      timeout: 20_000,
    });
    return stdout.trim() || undefined;
  } catch {
    // No pip here, or nothing configured.
    return undefined;
  }
}
