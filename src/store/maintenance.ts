import { statSync } from "node:fs";
import SQLite from "better-sqlite3";

/** How long another program may hold the database, milliseconds. */
const patience = 5000;

/** Pages given back in one transaction: others write in between. */
const pagesAtOnce = 200;

/** What a database takes on the disk with its write-ahead log, bytes, and how much of that holds nothing. */
export interface DatabaseSize {
  bytes: number;
  free: number;
}

export function databaseSize(file: string): DatabaseSize {
  const database = new SQLite(file, { fileMustExist: true, timeout: patience });
  try {
    const value = (name: string) => Number(database.pragma(name, { simple: true }));
    return { bytes: sizeOnDisk(file), free: value("freelist_count") * value("page_size") };
  } finally {
    database.close();
  }
}

/**
 * Gives what is free in a database back to the disk.
 * @param alone whether nobody else uses it: only then is it written anew, which keeps others waiting for seconds
 * @returns bytes it takes now
 */
export function compactDatabase(file: string, alone: boolean): number {
  const database = new SQLite(file, { fileMustExist: true, timeout: patience });
  try {
    if (alone) {
      database.pragma("auto_vacuum = INCREMENTAL");
      database.exec("VACUUM");
    } else {
      giveBack(database);
    }
    database.pragma(`wal_checkpoint(${alone ? "TRUNCATE" : "PASSIVE"})`);
  } finally {
    database.close();
  }
  return sizeOnDisk(file);
}

/** Does nothing to a file that an earlier version made: that can be compacted only as a whole. */
function giveBack(database: SQLite.Database): void {
  const incremental = 2;
  if (database.pragma("auto_vacuum", { simple: true }) !== incremental) return;
  const free = () => Number(database.pragma("freelist_count", { simple: true }));
  for (let left = free(), before = left + 1; left > 0 && left < before; left = free()) {
    before = left;
    database.pragma(`incremental_vacuum(${pagesAtOnce})`);
  }
}

function sizeOnDisk(file: string): number {
  const size = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return size(file) + size(`${file}-wal`);
}
