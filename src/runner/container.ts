import type { ContainerCreateOptions, HostConfig, MountSettings } from "dockerode";
import type { BuildSpec, Limits } from "../spec/spec.ts";
import type { OutputContract } from "./images.ts";

export const instanceLabel = "kiisrv.instance";
export const buildLabel = "kiisrv.build";
/** Instead of the build's label: a rehearsal is none, and nobody should count it as one. */
export const rehearsalLabel = "kiisrv.rehearsal";

/** Where the volume of a build is that has no directories: its inputs and outputs are directories in it. */
export const volumeTarget = "/mnt";

/** The archive an image from the field is asked to write below /mnt/builds. */
export const archiveName = "firmware.zip";

export interface User {
  uid: number;
  gid: number;
}

/** What a container needs to be told beyond its spec. */
export interface Placement {
  instance: string;
  id: string;
  /** Content id of the image, `sha256:…`. */
  image: string;
  contract: OutputContract;
  /** The id its last word names; null if it has none. */
  lastWord: string | null;
  /** Who `files` images run as; images from the field run as root. */
  user: User;
  /** The build's own two directories, as the daemon sees them; null: files travel through the daemon. */
  directories: { inputs: string; outputs: string } | null;
  /** The daemon's name of the runtime to run it with; empty: the daemon's own choice. */
  runtime: string;
  /** Cores of the daemon's machine: asking for more is an error there. */
  cores: number;
}

/** Docker's name of a build's container: known before the daemon answers, so it can be removed even if it never does. */
export function containerName(id: string): string {
  return `kiisrv-${id}`;
}

/** Turns a spec into the container to create. Pure. */
export function containerOptions(spec: BuildSpec, place: Placement): ContainerCreateOptions {
  return {
    ...sandboxed(spec.limits, place),
    Cmd: commandLine(spec, place.id),
    Env: Object.entries(spec.environment).map(([name, value]) => `${name}=${value}`),
  };
}

/** The container that waits for a build under these limits: the same sandbox, and one way in for its job. Pure. */
export function waitingOptions(limits: Limits, place: Placement): ContainerCreateOptions {
  return {
    ...sandboxed(limits, place),
    Cmd: ["--wait"],
    AttachStdin: true,
    OpenStdin: true,
    // When we go away, so does the input: a container that still waits for its job then ends.
    StdinOnce: true,
  };
}

/** What a waiting container is told when a build has come: one line, all that `containerOptions` says of the build. */
export function jobLine(spec: BuildSpec, id: string): string {
  return `${JSON.stringify({ command: commandLine(spec, id), environment: spec.environment })}\n`;
}

function commandLine(spec: BuildSpec, id: string): string[] {
  return [...spec.command, id, archiveName];
}

function sandboxed(limits: Limits, place: Placement): ContainerCreateOptions {
  return {
    name: containerName(place.id),
    Image: place.image,
    Labels: labels(place),
    // Else the container's id: a different one each time, and compilers do write it into what they make.
    Hostname: "kiisrv",
    AttachStdout: true,
    AttachStderr: true,
    ...(place.contract === "files" ? filesSandbox(limits, place) : fieldSandbox(limits, place)),
  };
}

type Sandbox = Pick<ContainerCreateOptions, "User" | "HostConfig">;

/** Our own images: nothing writable but the outputs and /tmp, no privileges at all. */
function filesSandbox(limits: Limits, place: Placement): Sandbox {
  return {
    User: `${place.user.uid}:${place.user.gid}`,
    HostConfig: {
      ...sandbox(limits, place),
      ReadonlyRootfs: true,
      Mounts: mounts(place, true),
      // In memory, so it counts there too: half is left for the compiler. Executable, as toolchains run what they build.
      Tmpfs: { "/tmp": `rw,exec,nosuid,nodev,mode=1777,size=${Math.floor(limits.memoryBytes / 2)}` },
    },
  };
}

/**
 * Images from the field expect to be root, to write anywhere in their own file system, and to move their inputs away.
 * They get that much: a root whose writable layer is thrown away, and the three capabilities by which root handles files of
 * another owner (the directories belong to the server's user). No network and no other privilege either way.
 */
function fieldSandbox(limits: Limits, place: Placement): Sandbox {
  return {
    User: "0:0",
    HostConfig: {
      ...sandbox(limits, place),
      CapAdd: ["CHOWN", "DAC_OVERRIDE", "FOWNER"],
      Mounts: mounts(place, false),
    },
  };
}

function sandbox(limits: Limits, place: Placement): HostConfig {
  return {
    ...(place.runtime === "" ? {} : { Runtime: place.runtime }),
    NetworkMode: "none",
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges"],
    IpcMode: "private",
    ShmSize: 1024 * 1024,
    // Reaps orphans and passes signals on: build scripts do neither as process 1.
    Init: true,
    Memory: limits.memoryBytes,
    // Memory and swap together: no swap.
    MemorySwap: limits.memoryBytes,
    NanoCpus: Math.floor(Math.min(limits.cpus, place.cores) * 1e9),
    PidsLimit: limits.pids,
    Ulimits: [
      { Name: "fsize", Soft: limits.outputBytes, Hard: limits.outputBytes },
      { Name: "nofile", Soft: 1024, Hard: 1024 },
      { Name: "core", Soft: 0, Hard: 0 },
    ],
    // The log comes by attaching; an endless one must not fill the daemon's disk.
    LogConfig: { Type: "none", Config: {} },
    AutoRemove: false,
  };
}

/** Mounts, not Binds: a missing source is an error there, not a new directory of root's. */
function mounts({ id, directories }: Placement, readOnlyInputs: boolean): HostConfig["Mounts"] {
  if (directories === null) return [volume];
  return [
    { Type: "bind", Source: directories.inputs, Target: `/mnt/config/${id}`, ReadOnly: readOnlyInputs },
    { Type: "bind", Source: directories.outputs, Target: "/mnt/builds", ReadOnly: false },
  ];
}

/** Without a name: it is removed with its container. */
const volume: MountSettings = {
  Type: "volume",
  Target: volumeTarget,
  Source: "",
  VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: "local", Options: {} } },
};

type HandoverPlace = Pick<Placement, "id" | "image" | "instance" | "user"> & {
  directories: NonNullable<Placement["directories"]>;
};

/**
 * A container that hands what a field image's root left behind over to the server's user, who may then remove it.
 * It runs the shell of that same image: an image that is there for certain.
 */
export function handoverOptions(place: HandoverPlace): ContainerCreateOptions {
  const { uid, gid } = place.user;
  return {
    name: `${containerName(place.id)}-handover`,
    Image: place.image,
    User: "0:0",
    Entrypoint: ["/bin/sh", "-c", `chown -hR ${uid}:${gid} /mnt/config /mnt/builds`],
    Cmd: [],
    Labels: labels(place),
    HostConfig: {
      NetworkMode: "none",
      CapDrop: ["ALL"],
      CapAdd: ["CHOWN", "DAC_OVERRIDE"],
      SecurityOpt: ["no-new-privileges"],
      LogConfig: { Type: "none", Config: {} },
      Mounts: [
        { Type: "bind", Source: place.directories.inputs, Target: "/mnt/config", ReadOnly: false },
        { Type: "bind", Source: place.directories.outputs, Target: "/mnt/builds", ReadOnly: false },
      ],
    },
  };
}

function labels(place: { instance: string; id: string }): Record<string, string> {
  return { [instanceLabel]: place.instance, [buildLabel]: place.id };
}
