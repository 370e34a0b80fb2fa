import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { isIP } from "node:net";
import os from "node:os";
import { join, resolve } from "node:path";
import type { Limits } from "./spec/spec.ts";

/** What a person is told of a setting. */
export interface SettingFacts {
  variable: string;
  meaning: string;
  /** What a value must be, e.g. `a whole number from 0 to 9`. */
  accepts: string;
  /** The default, as it would be written; empty: none. */
  fallback: string;
}

/** One setting: what is told of it, and how it is read. */
interface Setting<T> extends SettingFacts {
  /** @throws Error saying what the value must be */
  parse(text: string): T;
}

const settings = {
  host: text("KIISRV_HOST", "address to listen on; empty: every IPv6 and IPv4 address", ""),
  port: whole("KIISRV_PORT", "port to listen on", "3001", 0, 65535),
  data: path(
    "KIISRV_DATA",
    "directory of the databases (builds, stats, config, access) and of synced layouts",
    "data",
  ),
  layouts: path("KIISRV_LAYOUTS", "directory of the operator's own layouts", "layouts"),
  layoutsSeed: path(
    "KIISRV_LAYOUTS_SEED",
    "directory of synced layouts to serve until the first sync; empty: none",
    "",
  ),
  tmpConfig: path("KIISRV_TMP_CONFIG", "directory of build inputs, as this process sees it", "tmp_config"),
  tmpBuilds: path("KIISRV_TMP_BUILDS", "directory of build outputs, as this process sees it", "tmp_builds"),
  artifacts: path("KIISRV_ARTIFACTS", "directory of the finished zips; empty: KIISRV_TMP_BUILDS", ""),
  hostTmpConfig: path(
    "HOST_TMP_CONFIG",
    "the inputs' directory as the Docker host sees it; empty: what is mounted there, or the same",
    "",
  ),
  hostTmpBuilds: path(
    "HOST_TMP_BUILDS",
    "the outputs' directory as the Docker host sees it; empty: what is mounted there, or the same",
    "",
  ),
  concurrency: whole("KIISRV_CONCURRENCY", "builds at once; 0: one a core", "0", 0, 1024),
  queueLength: whole("KIISRV_QUEUE_LENGTH", "builds that may wait", "256", 0, 100_000),
  queuePerClient: whole("KIISRV_QUEUE_PER_CLIENT", "builds that may wait of one client", "64", 1, 100_000),
  warm: whole("KIISRV_WARM", "waiting containers kept of each recently used version; 0: none", "1", 0, 4),
  warmIdleSeconds: whole(
    "KIISRV_WARM_IDLE",
    "seconds after its last build until a version's waiting containers are given up",
    "900",
    1,
    86_400,
  ),
  keepMiB: whole(
    "KIISRV_KEEP_MIB",
    "size of all zips of firmware, MiB; beyond it those go that were not asked for longest; 0: no limit",
    "10240",
    0,
    1_000_000_000,
  ),
  keepCount: whole("KIISRV_KEEP_COUNT", "number of zips of firmware; likewise", "0", 0, 1_000_000_000),
  keepDays: whole(
    "KIISRV_KEEP_DAYS",
    "days since a zip of firmware was asked for; likewise",
    "0",
    0,
    100_000,
  ),
  keepFailedMiB: whole(
    "KIISRV_KEEP_FAILED_MIB",
    "size of all zips of failed builds, MiB; likewise",
    "1024",
    0,
    1_000_000_000,
  ),
  keepFailedCount: whole(
    "KIISRV_KEEP_FAILED_COUNT",
    "number of zips of failed builds; likewise",
    "0",
    0,
    1_000_000_000,
  ),
  keepFailedDays: whole(
    "KIISRV_KEEP_FAILED_DAYS",
    "days since a zip of a failed build was asked for; likewise",
    "30",
    0,
    100_000,
  ),
  keepRowsCount: whole(
    "KIISRV_KEEP_ROWS_COUNT",
    "number of builds remembered whose zip is gone (some KiB each); 0: no limit",
    "100000",
    0,
    1_000_000_000,
  ),
  keepRowsDays: whole(
    "KIISRV_KEEP_ROWS_DAYS",
    "days such builds are remembered; 0: no limit",
    "365",
    0,
    100_000,
  ),
  minFreeMiB: whole(
    "KIISRV_MIN_FREE_MIB",
    "space that must be free on each disk for a build to begin, MiB; 0: any",
    "256",
    0,
    1_000_000_000,
  ),
  minFreeFiles: whole(
    "KIISRV_MIN_FREE_INODES",
    "files each disk must have room for, for a build to begin; 0: any",
    "1000",
    0,
    1_000_000_000,
  ),
  graceSeconds: whole(
    "KIISRV_GRACE_SECONDS",
    "time running builds have to finish when the server is stopped",
    "25",
    0,
    3600,
  ),
  trustedProxies: proxies(
    "KIISRV_TRUSTED_PROXIES",
    "proxies in front that tell the client's address: how many, or their addresses and networks (a,b/24)",
    "0",
  ),
  trustProxy: flag("KIISRV_TRUST_PROXY", "the older way to say KIISRV_TRUSTED_PROXIES=1", "false"),
  requireKey: oneOf("KIISRV_REQUIRE_KEY", "what takes an API key: none, builds or all", "none", [
    "none",
    "builds",
    "all",
  ]),
  rateRequests: whole(
    "KIISRV_RATE_REQUESTS",
    "requests a minute of one client; 0: no limit",
    "1200",
    0,
    1_000_000,
  ),
  rateLayouts: whole(
    "KIISRV_RATE_LAYOUTS",
    "layouts posted that are not known yet, a minute of one client; 0: no limit",
    "120",
    0,
    1_000_000,
  ),
  rateBuilds: whole(
    "KIISRV_RATE_BUILDS",
    "builds that run (not cached) an hour of one client; 0: no limit",
    "300",
    0,
    1_000_000,
  ),
  connections: whole("KIISRV_CONNECTIONS", "connections open at once; 0: no limit", "2048", 0, 1_000_000),
  connectionsPerClient: whole(
    "KIISRV_CONNECTIONS_PER_CLIENT",
    "connections, and requests under way, of one client; 0: no limit",
    "256",
    0,
    1_000_000,
  ),
  hstsSeconds: whole(
    "KIISRV_HSTS",
    "seconds browsers that came by TLS (says a trusted proxy) are to insist on it; 0: not told",
    "0",
    0,
    100_000_000,
  ),
  rawAddresses: flag(
    "KIISRV_RAW_ADDRESSES",
    "store client addresses as they are, not as a keyed hash",
    "false",
  ),
  startChecks: oneOf(
    "KIISRV_START_CHECKS",
    "what a server checks when it has started: as kiisrv doctor, as with --quick (no container), nothing",
    "full",
    ["full", "quick", "none"],
  ),
  logLevel: oneOf("KIISRV_LOG_LEVEL", "least severe messages to log", "info", [
    "trace",
    "debug",
    "info",
    "warn",
    "error",
    "silent",
  ]),
  dockerHost: text(
    "DOCKER_HOST",
    "the Docker daemon: unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST; empty: this machine's socket",
    "",
  ),
  transfer: oneOf(
    "KIISRV_TRANSFER",
    "how files get to builds and back: mount (directories the daemon sees, too), copy (through its API); auto: copy when it is remote",
    "auto",
    ["auto", "mount", "copy"],
  ),
  runtime: text("KIISRV_RUNTIME", "OCI runtime of builds, e.g. runsc; empty: the daemon's default", ""),
  wallSeconds: whole("KIISRV_BUILD_SECONDS", "wall-clock limit of a build", "300", 1, 86_400),
  memoryMiB: whole("KIISRV_BUILD_MEMORY_MIB", "memory limit of a build, MiB", "1024", 16, 1_048_576),
  cpus: whole("KIISRV_BUILD_CPUS", "cores one build may use", "2", 1, 1024),
  pids: whole("KIISRV_BUILD_PIDS", "processes one build may have", "256", 1, 100_000),
  outputMiB: whole("KIISRV_BUILD_OUTPUT_MIB", "size of all outputs of a build, MiB", "64", 1, 4096),
  outputFiles: whole("KIISRV_BUILD_OUTPUT_FILES", "number of outputs of a build", "512", 1, 100_000),
  logMiB: whole("KIISRV_BUILD_LOG_MIB", "log a build may write before it is stopped, MiB", "16", 1, 4096),
} satisfies Record<string, Setting<unknown>>;

type Values = { [Name in keyof typeof settings]: ReturnType<(typeof settings)[Name]["parse"]> };

/** What a cache may hold; 0: no limit. */
interface CacheLimits {
  bytes: number;
  count: number;
  /** Since its last use. */
  milliseconds: number;
}

export interface Config
  extends Omit<
    Values,
    | "layoutsSeed"
    | "trustProxy"
    | "wallSeconds"
    | "memoryMiB"
    | "cpus"
    | "pids"
    | "outputMiB"
    | "outputFiles"
    | "logMiB"
    | "keepMiB"
    | "keepCount"
    | "keepDays"
    | "keepFailedMiB"
    | "keepFailedCount"
    | "keepFailedDays"
    | "keepRowsCount"
    | "keepRowsDays"
    | "minFreeMiB"
    | "minFreeFiles"
  > {
  keep: { firmware: CacheLimits; failures: CacheLimits; rows: Omit<CacheLimits, "bytes"> };
  /** What must be free on each disk for a build to begin; 0: any. */
  minimumFree: { bytes: number; files: number };
  /** Where synced layouts may be: the first place where there are some counts. The sync works in the first. */
  syncedLayouts: [string, ...string[]];
  limits: Limits;
}

/**
 * Reads the configuration from the environment. Any variable may be given as a file instead, by its name and `_FILE`.
 * @throws Error that names every variable that cannot be read
 */
export function readConfig(environment: Environment): Config {
  const { config, mistakes } = examineConfig(environment);
  if (mistakes.length === 0) return config;
  const lines = mistakes.map(({ label, message }) => `${label}: ${message}`);
  throw new Error(`the configuration cannot be used:\n  ${lines.join("\n  ")}`);
}

/** A variable that cannot be read. */
export interface ConfigMistake {
  variable: string;
  /** Where the value came from, with the value if it is no secret. */
  label: string;
  message: string;
  fallback: string;
}

/** Reads the configuration and every mistake in it; where there is one, the default stands. */
export function examineConfig(environment: Environment): { config: Config; mistakes: ConfigMistake[] } {
  const values: Record<string, unknown> = {};
  const mistakes: ConfigMistake[] = [];
  for (const [name, setting] of Object.entries<Setting<unknown>>(settings)) {
    const { variable, fallback } = setting;
    const given = lookUp(variable, environment);
    try {
      values[name] = setting.parse(given.read() || fallback);
    } catch (error) {
      values[name] = setting.parse(fallback);
      const message = error instanceof Error ? error.message : String(error);
      mistakes.push({ variable, label: given.label, message, fallback });
    }
  }
  return { config: withDefaults(values as Values), mistakes };
}

/** The names of all variables that mean something. */
export function configVariables(): string[] {
  return configTable().flatMap(({ variable }) => [variable, `${variable}_FILE`]);
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Where a value comes from, and what to call it in a complaint: a value from a file may be a secret, and is not shown. */
function lookUp(variable: string, environment: Environment): { label: string; read(): string } {
  const { [variable]: text = "", [`${variable}_FILE`]: file = "" } = environment;
  if (file === "") return { label: `${variable}=${text}`, read: () => text };
  return {
    label: text === "" ? `${variable}_FILE=${file}` : `${variable} and ${variable}_FILE`,
    read() {
      if (text !== "") throw new Error("only one of them may be set");
      return readValue(file).replace(/\r?\n$/, "");
    },
  };
}

/** No value is longer, bytes. */
const longestValue = 4096;

/** What the file is may be a mistake: a pipe nobody writes to must not be waited for, nor a device be read without end. */
function readValue(file: string): string {
  const descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(descriptor).isFile()) throw new Error("is no regular file");
    const value = Buffer.alloc(longestValue + 1);
    const length = readSync(descriptor, value);
    if (length > longestValue) throw new Error(`holds more than ${longestValue} bytes`);
    return value.toString("utf8", 0, length);
  } finally {
    closeSync(descriptor);
  }
}

/** The table of variables, in its order. */
export function configTable(): SettingFacts[] {
  return Object.values<SettingFacts>(settings);
}

/** The table of variables as text, for `kiisrv --help`. */
export function describeConfig(): string {
  return configTable()
    .map(({ variable, meaning, fallback }) => `  ${variable.padEnd(30)}${meaning} [${fallback}]`)
    .join("\n");
}

/** The table as a file of environment variables to fill in: each one commented out, at its default. */
export function configTemplate(): string {
  return configTable()
    .map(({ variable, meaning, fallback }) => `# ${meaning}\n#${variable}=${fallback}\n`)
    .join("\n");
}

function withDefaults(values: Values): Config {
  const {
    layoutsSeed,
    trustProxy,
    wallSeconds,
    memoryMiB,
    cpus,
    pids,
    outputMiB,
    outputFiles,
    logMiB,
    keepMiB,
    keepCount,
    keepDays,
    keepFailedMiB,
    keepFailedCount,
    keepFailedDays,
    keepRowsCount,
    keepRowsDays,
    minFreeMiB,
    minFreeFiles,
    ...rest
  } = values;
  return {
    ...rest,
    keep: {
      firmware: { bytes: keepMiB * mebibyte, count: keepCount, milliseconds: keepDays * day },
      failures: {
        bytes: keepFailedMiB * mebibyte,
        count: keepFailedCount,
        milliseconds: keepFailedDays * day,
      },
      rows: { count: keepRowsCount, milliseconds: keepRowsDays * day },
    },
    minimumFree: { bytes: minFreeMiB * mebibyte, files: minFreeFiles },
    trustedProxies: rest.trustedProxies || Number(trustProxy),
    artifacts: rest.artifacts || rest.tmpBuilds,
    syncedLayouts: [join(rest.data, "layouts"), ...(layoutsSeed === "" ? [] : [layoutsSeed])],
    // The machine's, for builds run beside this process: what its own container may use of them is no limit of theirs.
    concurrency: rest.concurrency || os.cpus().length || os.availableParallelism(),
    limits: {
      wallSeconds,
      memoryBytes: memoryMiB * mebibyte,
      cpus,
      pids,
      outputBytes: outputMiB * mebibyte,
      outputFiles,
      logBytes: logMiB * mebibyte,
    },
  };
}

const mebibyte = 1024 * 1024;

/** Milliseconds. */
const day = 24 * 60 * 60 * 1000;

function text(variable: string, meaning: string, fallback: string): Setting<string> {
  return { variable, meaning, accepts: "text", fallback, parse: (given) => given };
}

function path(variable: string, meaning: string, fallback: string): Setting<string> {
  const parse = (given: string) => (given === "" ? "" : resolve(given));
  return { variable, meaning, accepts: "a path", fallback, parse };
}

function whole(
  variable: string,
  meaning: string,
  fallback: string,
  from: number,
  to: number,
): Setting<number> {
  const accepts = `a whole number from ${from} to ${to}`;
  return {
    variable,
    meaning,
    accepts,
    fallback,
    parse(given) {
      const value = Number(given);
      if (!/^\d+$/.test(given) || value < from || value > to) throw new Error(`must be ${accepts}`);
      return value;
    },
  };
}

/** A number of proxies, or the list of them: addresses and networks. */
function proxies(variable: string, meaning: string, fallback: string): Setting<number | string[]> {
  const accepts = "a whole number from 0 to 9, or addresses and networks: 10.0.0.1,fd00::/64";
  return {
    variable,
    meaning,
    accepts,
    fallback,
    parse(given) {
      if (/^\d$/.test(given)) return Number(given);
      const list = given.split(",").map((entry) => entry.trim());
      if (list.every(isNetwork)) return list;
      throw new Error(`must be ${accepts}`);
    },
  };
}

function isNetwork(entry: string): boolean {
  const [, address = "", length = "0"] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(entry) ?? [];
  const version = isIP(address);
  return version !== 0 && Number(length) <= (version === 4 ? 32 : 128);
}

function flag(variable: string, meaning: string, fallback: string): Setting<boolean> {
  const choices = new Map(
    Object.entries({ true: true, "1": true, yes: true, false: false, "0": false, no: false }),
  );
  const accepts = "true or false";
  return {
    variable,
    meaning,
    accepts,
    fallback,
    parse(given) {
      const value = choices.get(given.toLowerCase());
      if (value === undefined) throw new Error(`must be ${accepts}`);
      return value;
    },
  };
}

function oneOf<const T extends string>(
  variable: string,
  meaning: string,
  fallback: T,
  choices: readonly T[],
): Setting<T> {
  const accepts = `one of ${choices.join(", ")}`;
  return {
    variable,
    meaning,
    accepts,
    fallback,
    parse(given) {
      const value = choices.find((choice) => choice === given);
      if (value === undefined) throw new Error(`must be ${accepts}`);
      return value;
    },
  };
}
