import { accessSync, constants, existsSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { Worker } from "node:worker_threads";
import SQLite from "better-sqlite3";
import { type DatabaseName, schemaVersions } from "./database.ts";
import { errorCode } from "./faults.ts";
import { isHeld } from "./lock.ts";
import type { VersionRow } from "./versions.ts";

/** A database of the data directory, looked at from outside: nothing in it is changed. */
export interface ExaminedDatabase {
  path: string;
  exists: boolean;
  /** The files of it, and its directory, that we may not write. */
  unwritable: string[];
  walBytes: number;
  /** Whether its contents were looked at: not so where that would leave files behind, or a newer program made them. */
  read: boolean;
  /** Why it cannot be read; null: it can, or was not tried. */
  error: string | null;
  /** What SQLite's quick check found; null: nothing, or it was not asked. */
  damage: string | null;
  /** The number of its schema, and the newest that this program knows. */
  schema: number;
  knownSchema: number;
}

export interface Examination {
  files: ExaminedDatabase[];
  /** Whether a server holds the directory. */
  held: boolean;
  /** Identity of the installation; empty: it has none yet, or it cannot be read. */
  instance: string;
  versions: VersionRow[];
  /** Ids of the builds that are under way, as far as the table knows. */
  running: string[];
}

export interface ExaminationRequest {
  directory: string;
  /** Whether to read every page: that takes as long as the file is large. */
  thorough: boolean;
}

/**
 * Looks at the databases of a data directory, on a thread of its own: SQLite waits for the disk, and whoever waits with it
 * answers nobody.
 * @param signal ends it
 */
export async function examine(request: ExaminationRequest, signal: AbortSignal): Promise<Examination> {
  // `.ts` in the sources, `.js` in what is compiled.
  const worker = new Worker(new URL(`./examiner${extname(import.meta.url)}`, import.meta.url), {
    workerData: request,
  });
  const end = () => void worker.terminate();
  signal.addEventListener("abort", end, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => reject(signal.reason ?? new Error("the databases' examiner ended")));
    });
  } finally {
    signal.removeEventListener("abort", end);
    await worker.terminate();
  }
}

/** The same on this thread; it blocks. */
export function examineHere({ directory, thorough }: ExaminationRequest): Examination {
  const facts: Omit<Examination, "files" | "held"> = { instance: "", versions: [], running: [] };
  const readers: Partial<Record<DatabaseName, (database: SQLite.Database) => void>> = {
    builds: (database) => Object.assign(facts, readBuilds(database)),
    config: (database) => Object.assign(facts, { versions: readVersions(database) }),
  };
  const files = databaseNames.map((name) =>
    examineFile(join(directory, `${name}.db`), schemaVersions[name], thorough, readers[name]),
  );
  return { files, held: isHeld(directory), ...facts };
}

const databaseNames = Object.keys(schemaVersions) as DatabaseName[];

function examineFile(
  path: string,
  knownSchema: number,
  thorough: boolean,
  read: ((database: SQLite.Database) => void) | undefined,
): ExaminedDatabase {
  const plain = { path, knownSchema, schema: 0, walBytes: 0, read: false, error: null, damage: null };
  if (!existsSync(path)) return { ...plain, exists: false, unwritable: [] };
  const unwritable = unwritableOf(path);
  const file = { ...plain, exists: true, unwritable, walBytes: sizeOf(`${path}-wal`) };
  if (unwritable.length > 0 && !existsSync(`${path}-shm`)) return file;
  let database: SQLite.Database | undefined;
  try {
    database = openToRead(path, unwritable.length === 0);
    const schema = Number(database.pragma("user_version", { simple: true }));
    const damage = thorough ? damageOf(database) : null;
    const known = damage === null && schema <= knownSchema;
    if (known) read?.(database);
    return { ...file, read: known, schema, damage };
  } catch (error) {
    return { ...file, error: explain(error) };
  } finally {
    database?.close();
  }
}

/**
 * SQLite makes files beside a database to read it. It removes them when it closes the last connection, but not a read-only
 * one: so that is used only where a server has the file open, and will remove them.
 */
function openToRead(path: string, writable: boolean): SQLite.Database {
  const database = new SQLite(path, { readonly: !writable, fileMustExist: true, timeout: 1000 });
  database.pragma("query_only = ON");
  return database;
}

function explain(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = errorCode(error);
  return code === "" ? message : `${message} (${code})`;
}

function damageOf(database: SQLite.Database): string | null {
  const rows = database.prepare<[], string>("PRAGMA quick_check(3)").pluck().all();
  return rows.length === 1 && rows[0] === "ok" ? null : rows.join("; ");
}

function readBuilds(database: SQLite.Database): Pick<Examination, "instance" | "running"> {
  const instance = database
    .prepare<[], string>("SELECT value FROM Meta WHERE name = 'instance'")
    .pluck()
    .get();
  const running = database
    .prepare<[], string>("SELECT id FROM Builds WHERE status = 'running'")
    .pluck()
    .all();
  return { instance: instance ?? "", running };
}

function readVersions(database: SQLite.Database): VersionRow[] {
  return database
    .prepare<[], VersionRow>(
      "SELECT name, channel, container, git_tag, family, dialect FROM Versions WHERE container <> '' ORDER BY name",
    )
    .all();
}

function unwritableOf(path: string): string[] {
  const files = [path, `${path}-wal`, `${path}-shm`].filter((file) => existsSync(file));
  return files.filter((file) => {
    try {
      accessSync(file, constants.R_OK | constants.W_OK);
      return false;
    } catch (error) {
      if (errorCode(error) === "") throw error;
      return true;
    }
  });
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
