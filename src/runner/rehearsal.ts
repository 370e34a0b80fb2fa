import { randomUUID } from "node:crypto";
import type Docker from "dockerode";
import type { ContainerCreateOptions } from "dockerode";
import type { BuildSpec, InputFile, Limits } from "../spec/spec.ts";
import { buildLabel, containerOptions, type Placement, rehearsalLabel, type User } from "./container.ts";
import { Containers } from "./containers.ts";
import { execute } from "./execution.ts";
import { follow } from "./follow.ts";
import type { OutputContract } from "./images.ts";
import type { OutputFile, ToolchainImage } from "./runner.ts";
import { Site } from "./site.ts";
import type { RunnerDirectories } from "./workspace.ts";

/** What was seen from inside a container made as builds' containers are. */
export interface Rehearsal {
  image: string;
  contract: OutputContract;
  /** Whom it was to run as. */
  user: User;
  /** The build's directories as the daemon was told them; empty: files travel through the daemon. */
  inputs: string;
  outputs: string;
  /** Why it did not run; null: it ran to its end. */
  fault: string | null;
  /** It had the file that we wrote for it. */
  inputsArrive: boolean;
  /** We had the file that it wrote. */
  outputsArrive: boolean;
  /** What it printed, by section. */
  seen: Readonly<Record<string, string>>;
}

export interface RehearsalParts {
  docker: Docker;
  directories: RunnerDirectories;
  copies?: boolean | undefined;
  runtime?: string | undefined;
  instance: string;
  limits: Limits;
  /** Milliseconds the daemon may take for one answer. */
  patience: number;
  signal: AbortSignal;
}

const token = "token";
const wallSeconds = 8;

/** Reads what the kernel says of a process in there, and tries what must not work. Needs a shell and `cat`. */
function script(id: string): string {
  const shown = [
    "/proc/self/status",
    "/proc/net/dev",
    ...["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"].map(
      (name) => `/sys/fs/cgroup/memory/${name}`,
    ),
    "/sys/fs/cgroup/pids/pids.max",
    ...["cpu.cfs_quota_us", "cpu.cfs_period_us"].map((name) => `/sys/fs/cgroup/cpu/${name}`),
    ...["memory.max", "memory.swap.max", "pids.max", "cpu.max"].map((name) => `/sys/fs/cgroup/${name}`),
    `/mnt/config/${id}/${token}`,
  ];
  return [
    `for file in ${shown.join(" ")}; do echo "::$file"; cat "$file" 2>/dev/null; echo; done`,
    `for place in / /mnt/config/${id} /tmp; do`,
    '  echo "::write $place"; (: > "$place/kiisrv-rehearsal") 2>/dev/null && echo yes || echo no',
    "done",
    `cat /mnt/config/${id}/${token} > /mnt/builds/${token}`,
  ].join("\n");
}

/**
 * Runs a few lines of shell in a container with the very options of a build, in directories made as a build's are; leaves
 * nothing of it.
 * @param image what to run it in: one whose outputs are plain files has the whole sandbox
 * @throws Problem `runner-unavailable`, `storage-failed`; system errors of our own directories
 */
export async function rehearse(image: ToolchainImage, parts: RehearsalParts): Promise<Rehearsal> {
  const containers = new Containers(parts.docker, parts.patience);
  const { directories, copies, runtime, instance } = parts;
  const site = new Site({ containers, directories, copies, runtime, instance, logger: undefined });
  const id = `rehearsal-${randomUUID()}`;
  const secret = randomUUID();
  const place = await site.place(id, image);
  const plain = { image: image.name, contract: place.contract, user: place.user };
  const { inputs, outputs } = place.directories ?? { inputs: "", outputs: "" };
  site.claim(id);
  try {
    const ran = await runScript(site, place, { name: token, text: secret }, parts);
    const seen = sections(ran.log);
    const inputsArrive = seen[`/mnt/config/${id}/${token}`]?.trim() === secret;
    const written = ran.outputs.find(({ name }) => name === token);
    // Where the input did not arrive there was nothing to copy: then an empty file is proof enough.
    const outputsArrive = written !== undefined && (!inputsArrive || written.bytes.toString() === secret);
    return {
      ...plain,
      inputs,
      outputs,
      fault: ran.fault,
      inputsArrive,
      outputsArrive,
      seen: withoutId(seen, id),
    };
  } finally {
    await site.vacate(place);
  }
}

async function runScript(
  { containers, transfer }: Site,
  place: Placement,
  input: InputFile,
  { limits, signal, patience }: RehearsalParts,
): Promise<{ fault: string | null; log: string; outputs: OutputFile[] }> {
  const spec: BuildSpec = {
    contract: 1,
    image: { name: "", digest: place.image },
    command: [],
    environment: {},
    files: [],
    document: "",
    limits: { ...limits, wallSeconds },
    outputs: [],
  };
  try {
    await transfer.prepare(place);
    const container = await containers.create(rehearsalOptions(spec, place));
    await transfer.deliver(container, place, [input]);
    const output = await follow(container, false, patience);
    const execution = await execute(
      { container, output, lastWord: null, begin: () => containers.start(container) },
      {
        limits: spec.limits,
        signal,
        onLog: undefined,
        findExcess: async () => null,
        lookEvery: 1000,
        early: false,
        patience,
      },
    );
    const { outputs } = await transfer.collect(container, place, limits);
    return { fault: execution.stop?.reason ?? null, log: execution.log.toString(), outputs };
  } catch (error) {
    // The daemon's own words: that a path is not there, that a limit cannot be set.
    if (error instanceof Error && error.cause instanceof Error && !signal.aborted) {
      return { fault: error.cause.message, log: "", outputs: [] };
    }
    throw error;
  }
}

/** A build's container with another program in it. */
export function rehearsalOptions(spec: BuildSpec, place: Placement): ContainerCreateOptions {
  const { Labels, ...options } = containerOptions(spec, place);
  const { [buildLabel]: _, ...labels } = Labels ?? {};
  return {
    ...options,
    Labels: { ...labels, [rehearsalLabel]: place.id },
    Entrypoint: ["/bin/sh", "-c", script(place.id)],
    Cmd: [],
  };
}

/** What stands below each `::title` of a text. */
export function sections(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const part of text.split(/^::/m).slice(1)) {
    const end = part.indexOf("\n");
    found[part.slice(0, end)] = part.slice(end + 1);
  }
  return found;
}

function withoutId(seen: Record<string, string>, id: string): Record<string, string> {
  return Object.fromEntries(Object.entries(seen).map(([title, text]) => [title.replace(`/${id}`, ""), text]));
}
