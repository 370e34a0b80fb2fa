import type { Complaint } from "../errors.ts";
import type { Origins } from "../layout/origins.ts";
import type { SizeReport } from "../spec/size.ts";
import type { BuildSpec } from "../spec/spec.ts";

export type FinishedStatus =
  | "succeeded"
  | "failed"
  | "timed-out"
  | "limit-exceeded"
  | "cancelled"
  | "faulted";
export type BuildStatus = "queued" | "running" | FinishedStatus;

export interface NewBuild {
  /** Unique for all time, `[a-z0-9-]+`. */
  id: string;
  /** The spec's key, 64 hex digits. */
  key: string;
  board: string;
  layout: string;
  /** The version as asked for, e.g. `latest`. */
  version: string;
  container: string;
  /** Content id of the toolchain image, `sha256:…`. */
  image: string;
  /** Who asked: a keyed hash. */
  client: string;
  spec: BuildSpec;
  /** Of the spec's KLL files. */
  origins: Origins;
}

export interface StoredArtifact {
  name: string;
  bytes: number;
  /** Hex digits. */
  sha256: string;
}

export interface BuildOutcome {
  status: FinishedStatus;
  /** Wall time of the run; 0 when it never ran. */
  milliseconds: number;
  artifact: StoredArtifact | null;
  /** One sentence for a person; empty on success. */
  reason: string;
  /** What is wrong with the layout, as far as the run told; by default nothing. */
  errors?: readonly Complaint[];
  /** By default unknown. */
  size?: SizeReport | null;
  /** The run's log; its last 8 KiB are kept. */
  log: string;
}

/** A build as it stands. Times are milliseconds since 1970. */
export interface BuildRow extends Omit<NewBuild, "spec" | "origins"> {
  status: BuildStatus;
  /** How often it was started. */
  attempts: number;
  created: number;
  started: number | null;
  finished: number | null;
  milliseconds: number | null;
  artifact: StoredArtifact | null;
  reason: string;
  errors: Complaint[];
  size: SizeReport | null;
}

/** A build with the tail of its log, which is long and seldom wanted. */
export interface LoggedBuild extends BuildRow {
  log: string;
}

/** What a build without an outcome is made from. */
export type BuildWork = Pick<NewBuild, "spec" | "origins">;

/** A row as the table has it. */
export type Columns = Omit<BuildRow, "artifact" | "errors" | "size"> & {
  artifact: string | null;
  bytes: number | null;
  sha256: string | null;
  errors: string;
  size: string | null;
};

/** A row as the program has it: of the artifact's three columns one value, of JSON texts what they say. */
export function decoded<Row extends Columns>({ artifact: name, bytes, sha256, errors, size, ...row }: Row) {
  const kept = name !== null && bytes !== null && sha256 !== null;
  return {
    ...row,
    artifact: kept ? { name, bytes, sha256 } : null,
    errors: JSON.parse(errors) as Complaint[],
    size: size === null ? null : (JSON.parse(size) as SizeReport),
  };
}
