/** The limits a build runs under. They can stop a build or make it fail, but never change the bytes of a success. */
export interface Limits {
  wallSeconds: number;
  memoryBytes: number;
  cpus: number;
  pids: number;
  /** All outputs together; also the largest single file the build may write. */
  outputBytes: number;
  outputFiles: number;
  logBytes: number;
}

/** A file the toolchain reads. `name` is a plain file name (no directory). */
export interface InputFile {
  name: string;
  text: string;
}

/**
 * Everything a build is made from, as inert data. Two equal specs give equal firmware.
 * The runner appends two arguments to `command`: the input directory below /mnt/config and the
 * archive name below /mnt/builds (the container contract of the controller images in the field).
 */
export interface BuildSpec {
  /** Version of the container contract. */
  contract: 1;
  /** The toolchain image; `digest` is its content id (`sha256:…`), null only while none is known (`kiisrv plan`). */
  image: { name: string; digest: string | null };
  command: string[];
  environment: Record<string, string>;
  files: InputFile[];
  /** Which of `files` is the posted layout document: it counts by its JSON value, not by its text. */
  document: string;
  limits: Limits;
  /** Files that must come out, regular and non-empty, for the build to be a success. */
  outputs: string[];
}
