import { accessSync, closeSync, constants, existsSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import SQLite from "better-sqlite3";
import { errorCode } from "./faults.ts";
import { keepCopy } from "./olderCopy.ts";

export type Database = SQLite.Database;

export interface DatabaseOptions {
  /** Every commit reaches the disk before it returns, so that a power cut takes nothing that was acknowledged. */
  durable?: boolean;
  /** Number of the schema, kept in the file's `user_version`; that of a file from before there were numbers is 0. */
  version?: number;
  /** Another program may be at work in it: then one of another schema is left to that. */
  inUse?: boolean;
  /** Brings the tables of an older program up to date; runs before the schema, in the same transaction. */
  migrate?: (database: Database) => void;
}

/** How long a statement waits for another program's lock. It blocks the server, so not for long. */
const busyMilliseconds = 2000;

export type DatabaseName = "access" | "builds" | "config" | "stats";

/**
 * The schemas' numbers. Raise one with every change that a program which knows the number before could not work with, and
 * bring older files up to date in `migrate`.
 */
export const schemaVersions: Readonly<Record<DatabaseName, number>> = {
  access: 1,
  builds: 1,
  config: 1,
  stats: 1,
};

/** The text of `schema/<name>.sqlite`, from the sources as well as from `dist/` (both lie two floors above it). */
export function readSchema(name: DatabaseName): string {
  return readFileSync(new URL(`../../schema/${name}.sqlite`, import.meta.url), "utf8");
}

/**
 * Opens an SQLite database, making it (readable by its owner alone) if it is not there, and runs its schema.
 * A file that cannot be used is left exactly as it is. One of an older schema is brought up to date, and a copy of how it
 * was is kept beside it.
 *
 * @param file path, or `:memory:`
 * @param schema SQL that can be run again and again
 * @throws Error that names the file and says what to do, for the operator
 */
export function openDatabase(file: string, schema: string, options: DatabaseOptions = {}): Database {
  let database: Database | undefined;
  try {
    if (file !== ":memory:") prepareFile(file);
    const opened = new SQLite(file, { timeout: busyMilliseconds });
    database = opened;
    const { version = 0 } = options;
    const found = schemaVersionOf(opened);
    if (found > version) throw new NewerSchema(found, version);
    if (found < version) {
      if (options.inUse) throw new OthersSchema(found, version);
      keepCopy(opened, `.v${found}.bak`);
    }
    opened.pragma("auto_vacuum = INCREMENTAL");
    opened.pragma("journal_mode = WAL");
    opened.pragma(`synchronous = ${options.durable ? "FULL" : "NORMAL"}`);
    opened.pragma("foreign_keys = ON");
    opened
      .transaction(() => {
        options.migrate?.(opened);
        opened.exec(schema);
        opened.pragma(`user_version = ${version}`);
      })
      .immediate();
    return opened;
  } catch (error) {
    database?.close();
    throw new Error(explain(file, error), { cause: error });
  }
}

/** SQLite makes files beside its own, and falls back to read-only where it may not write: so both are checked first. */
function prepareFile(file: string): void {
  accessSync(dirname(file), constants.W_OK);
  // Not when it is there: opening and closing a database that is in use would drop this process's locks on it.
  if (!existsSync(file)) closeSync(openSync(file, "a", 0o600));
  accessSync(file, constants.R_OK | constants.W_OK);
}

/** The number of a file's schema; 0 for one from before there were numbers, and for an empty file. */
export function schemaVersionOf(database: Database): number {
  return database.pragma("user_version", { simple: true }) as number;
}

/** The file is of a program that knows more than this one: what that wrote must not be taken for something else. */
class NewerSchema extends Error {
  constructor(found: number, known: number) {
    super(
      `it was written by a newer kiisrv (schema ${found}; this one knows up to ${known}): run that one, or restore a backup of before (it was left as it is)`,
    );
  }
}

/** A program that is at work in the file would not know its own tables again after the next start. */
class OthersSchema extends Error {
  constructor(found: number, known: number) {
    super(
      `a server of another release is at work in it (schema ${found}; this kiisrv writes ${known}): use that one's own commands, or stop it first`,
    );
  }
}

/** The columns a table has; none if there is no such table. */
export function columnsOf(database: Database, table: string): string[] {
  return database.prepare<[string], string>("SELECT name FROM pragma_table_info(?)").pluck().all(table);
}

function explain(file: string, error: unknown): string {
  const code = errorCode(error);
  if (code.startsWith("SQLITE_NOTADB")) {
    return `${file} is not an SQLite database; move it away, or restore it from a backup (it was left as it is)`;
  }
  if (code.startsWith("SQLITE_CORRUPT")) {
    return `${file} is damaged; restore it from a backup, or try sqlite3's .recover (it was left as it is)`;
  }
  if (/^(SQLITE_READONLY|SQLITE_PERM|EACCES|EPERM|EROFS)/.test(code)) {
    return `${file} cannot be written; make it and its directory writable for the user the server runs as`;
  }
  if (/^(SQLITE_BUSY|SQLITE_LOCKED)/.test(code)) {
    return `${file} is locked by another program; stop that first`;
  }
  if (code === "ENOENT") return `${file} cannot be made: its directory does not exist`;
  return `${file} cannot be used: ${error instanceof Error ? error.message : String(error)}`;
}
