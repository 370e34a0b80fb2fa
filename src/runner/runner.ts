import type { BuildSpec } from "../spec/spec.ts";

/** A controller image that is present on the daemon. */
export interface ToolchainImage {
  /** Repository name without tag, e.g. `kiisrv-controller-057`. */
  name: string;
  /** Content id, `sha256:…`. */
  digest: string;
  labels: Readonly<Record<string, string>>;
}

export interface OutputFile {
  /** Relative path with `/`, e.g. `kiibohd.dfu.bin` or `log/build.log`. */
  name: string;
  bytes: Buffer;
}

/**
 * How a run ended. `failed` is the compiler's own verdict and repeats itself; the others are signals the
 * runner raised: the wall clock, a limit (memory, output, log), or the caller's abort.
 */
export type RunStatus = "succeeded" | "failed" | "timed-out" | "limit-exceeded" | "cancelled";

export interface RunResult {
  status: RunStatus;
  /** One sentence for a person; empty on success. */
  reason: string;
  exitCode: number | null;
  /** Whatever regular files the build left, sorted by name; within the spec's limits. */
  outputs: OutputFile[];
  /** Standard output and error of the container, bounded (head and tail). */
  log: string;
  /** Wall time of the container, milliseconds. */
  milliseconds: number;
}

export interface RunOptions {
  /** Names the run's directories and container; unique for all time: a UUID, and more `[a-z0-9-]` if need be. */
  id: string;
  signal: AbortSignal;
  onLog?: (text: string) => void;
}

/**
 * Where a spec runs: files in, files out. Everything a build can do is a result; `run` throws only faults of the
 * place itself: Problem `runner-unavailable` (no daemon), `image-missing`, `storage-failed` (disk full).
 */
export interface Runner {
  run(spec: BuildSpec, options: RunOptions): Promise<RunResult>;
  /** The controller images present, newest tag of each name. */
  images(): Promise<ToolchainImage[]>;
  /**
   * Tells when it begins to listen for changes among the images, and of each change; resolves when `signal` is aborted or the
   * daemon tells no more.
   */
  watchImages(changed: () => void, signal: AbortSignal): Promise<void>;
  /** Removes containers and directories that no run of this process owns; returns how many containers. */
  reap(): Promise<number>;
  /** Lets go of whatever is kept for builds to come; those that run are not touched. Never rejects. */
  close(): Promise<void>;
}
