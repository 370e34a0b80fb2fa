import { Problem } from "../errors.ts";

/** What the disk or the database says when the fault is the machine's and not ours. */
const faults: readonly [code: RegExp, message: string][] = [
  [/^(ENOSPC|EDQUOT|SQLITE_FULL)/, "the server's disk is full"],
  [/^(EROFS|EACCES|EPERM|SQLITE_READONLY|SQLITE_PERM)/, "the server may not write to its storage"],
  [/^(SQLITE_BUSY|SQLITE_LOCKED)/, "the server's database is in use by another program"],
  [/^(EIO|SQLITE_IOERR|SQLITE_CANTOPEN)/, "the server's storage cannot be read or written"],
  [/^(SQLITE_CORRUPT|SQLITE_NOTADB)/, "the server's database is damaged"],
];

/**
 * Turns a fault of the storage into Problem `storage-failed`, whose text names no path; returns anything else as it is.
 * @param error what a file system call or SQLite threw
 */
export function storageFault(error: unknown): unknown {
  const code = errorCode(error);
  const fault = faults.find(([pattern]) => pattern.test(code));
  return fault ? new Problem("storage-failed", fault[1], { cause: error }) : error;
}

/** The code of a system or SQLite error (`ENOSPC`, `SQLITE_FULL`); empty where there is none. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
}

/** Runs database work; a fault of the storage leaves it as a Problem. */
export function stored<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw storageFault(error);
  }
}
