import { existsSync } from "node:fs";
import { join } from "node:path";
import SQLite from "better-sqlite3";
import { errorCode } from "./faults.ts";

/** The right to use a data directory alone. */
export interface DirectoryLock {
  release(): void;
}

/**
 * Takes a directory for this process alone. The lock is SQLite's own on `lock.db` in it: the system drops it with the
 * process, however that ends, so no stale lock is ever left to clean up.
 *
 * @param busy what to say when another process holds it
 * @throws Error for the operator when another process holds it, or the file cannot be made
 */
export function lockDirectory(
  directory: string,
  busy = `another kiisrv uses ${directory}; stop it, or give this one a data directory of its own`,
): DirectoryLock {
  const file = join(directory, "lock.db");
  let database: SQLite.Database | undefined;
  try {
    database = new SQLite(file, { timeout: 0 });
    // A journal on the disk would not come to be on a full one, where somebody wants to clean up.
    database.pragma("journal_mode = MEMORY");
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    const message = errorCode(error).startsWith("SQLITE_BUSY")
      ? busy
      : `${file} cannot be locked: ${error instanceof Error ? error.message : String(error)}`;
    throw new Error(message, { cause: error });
  }
  const held = database;
  return {
    release() {
      held.close();
    },
  };
}

/**
 * Whether a process holds a directory, this one counted. Asks by reading, for a moment: in that moment nobody can take it.
 * @throws Error of SQLite when its lock cannot be asked
 */
export function isHeld(directory: string): boolean {
  const file = join(directory, "lock.db");
  if (!existsSync(file)) return false;
  const database = new SQLite(file, { readonly: true, timeout: 0 });
  try {
    database.prepare("SELECT count(*) FROM sqlite_schema").get();
    return false;
  } catch (error) {
    if (errorCode(error).startsWith("SQLITE_BUSY")) return true;
    throw error;
  } finally {
    database.close();
  }
}
