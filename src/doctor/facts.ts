import type { BrokenLayout, ListedLayout } from "../layout/listing.ts";
import type { LayoutsSource } from "../layout/synced.ts";
import type { Rehearsal } from "../runner/rehearsal.ts";
import type { DaemonFacts, InspectedImage, InstanceContainer } from "../runner/survey.ts";
import type { Limits } from "../spec/spec.ts";
import type { Examination } from "../store/examination.ts";

/** The part of the configuration that the checks are about; the server's own fits. */
export interface Settings {
  host: string;
  port: number;
  data: string;
  layouts: string;
  tmpConfig: string;
  tmpBuilds: string;
  artifacts: string;
  /** Empty: where the daemon has what is mounted there, or the same. */
  hostTmpConfig: string;
  hostTmpBuilds: string;
  concurrency: number;
  trustedProxies: number | string[];
  /** What must be free on each disk for a build to begin; 0: any. */
  minimumFree: { bytes: number; files: number };
  limits: Limits;
}

/** A variable that cannot be read. */
export interface Mistake {
  variable: string;
  /** The variable and, if it is no secret, its value. */
  label: string;
  message: string;
  /** What it is when it is not set. */
  fallback: string;
}

export interface ConfigurationFacts {
  settings: Settings;
  mistakes: readonly Mistake[];
  /** All variables that mean something. */
  known: readonly string[];
  /** Names of the variables that are set. */
  set: readonly string[];
}

/** Who the program runs as, and where. */
export interface ProcessFacts {
  uid: number;
  gid: number;
  /** All groups, the own one among them. */
  groups: readonly number[];
  /** Null: the system has no name for it. */
  user: string | null;
  inContainer: boolean;
  /** The soft limit of open files; null: none, or unknown. */
  openFiles: number | null;
  /** As `process.version` has it. */
  node: string;
  /** What `git --version` printed; null: there is none. */
  git: string | null;
}

/** The address of the daemon, and what is there. */
export interface SocketFacts {
  /** As `DOCKER_HOST` would have it. */
  address: string;
  /** Of a socket file; null for an address of the network. */
  path: string | null;
  /** Null: nothing is there, or it was not asked for. */
  file: SocketFile | null;
  permitted: boolean;
  /** Sockets of other daemons that are there. */
  others: readonly string[];
  tls: boolean;
}

export interface SocketFile {
  isSocket: boolean;
  uid: number;
  gid: number;
  mode: number;
  /** Name of the group; null: it has none here. */
  group: string | null;
}

/** Whether the daemon answers at all. */
export type AnswerFacts = { answers: true } | { answers: false; error: string };

/** A directory the server works in. */
export interface DirectoryFacts {
  /** The variable that names it. */
  variable: string;
  path: string;
  /** Null: it is not there. */
  stat: { uid: number; gid: number; mode: number } | null;
  /** Why no file can be written; null: one was. */
  writeError: string | null;
  /** File system's clock minus ours when that file was written, milliseconds. */
  skew: number | null;
  space: DiskFacts | null;
}

export interface DiskFacts {
  freeBytes: number;
  totalBytes: number;
  freeFiles: number;
  /** 0: the file system has no fixed number. */
  totalFiles: number;
}

export interface LayoutFacts {
  /** Whether the operator's directory is there; one that is not holds no layouts. */
  directoryExists: boolean;
  listed: readonly (ListedLayout | BrokenLayout)[];
  source: LayoutsSource | null;
  /** Why they cannot be listed. */
  error: string | null;
}

export interface PortFacts {
  /** Who is there: nobody (we could listen), a kiisrv, someone else; or why nobody can listen. */
  state: "free" | "kiisrv" | "taken" | "refused";
  detail: string;
  /** Whether this machine lets a program listen on `::`. */
  ipv6: boolean;
  /** An unused port. */
  spare: number;
}

/** What came from an address that clients use; only when one was named. */
export interface PublicFacts {
  url: string | null;
  error: string | null;
  requestIdKept: boolean;
}

export interface MachineFacts {
  /** Bytes of memory a program could have now; null: unknown. */
  availableBytes: number | null;
  /** Milliseconds since 1970. */
  now: number;
}

/** Our own container, when there is one and the daemon knows it. */
export interface SelfFacts {
  /** The image this container runs, and the id its name has now. */
  image: { name: string; running: string; installed: string | null } | null;
}

/** Everything that is looked at. */
export interface Facts {
  configuration: ConfigurationFacts;
  process: ProcessFacts;
  socket: SocketFacts;
  answer: AnswerFacts;
  daemon: DaemonFacts;
  images: readonly InspectedImage[];
  containers: readonly InstanceContainer[];
  self: SelfFacts;
  rehearsal: Rehearsal;
  directories: readonly DirectoryFacts[];
  databases: Examination;
  layouts: LayoutFacts;
  port: PortFacts;
  publicly: PublicFacts;
  machine: MachineFacts;
}
