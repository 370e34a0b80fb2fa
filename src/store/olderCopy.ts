import { readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type SQLite from "better-sqlite3";
import { syncPathNow } from "./durable.ts";

/**
 * Copies a database, as it is, to a file beside it, so that the program of before can go on with that. There is one such
 * copy at a time: those of still older schemas go. A database without tables is not copied.
 * @param suffix of the copy's name, `.v<number>.bak`
 */
export function keepCopy(database: SQLite.Database, suffix: string): void {
  if (database.memory || isEmpty(database)) return;
  const directory = dirname(database.name);
  const copy = `${basename(database.name)}${suffix}`;
  const unfinished = join(directory, `${copy}.new`);
  rmSync(unfinished, { force: true });
  // SQLite would make it readable by everybody; an empty file of ours it fills.
  writeFileSync(unfinished, "", { mode: 0o600, flag: "wx" });
  try {
    database.prepare("VACUUM INTO ?").run(unfinished);
    // The migration, which comes next, may be on the disk before anything else is.
    syncPathNow(unfinished);
    renameSync(unfinished, join(directory, copy));
    syncPathNow(directory);
  } catch (error) {
    // Where the disk is full, half a copy would keep it so.
    rmSync(unfinished, { force: true });
    throw error;
  }
  for (const name of readdirSync(directory)) {
    if (isCopyOf(name, basename(database.name)) && name !== copy) rmSync(join(directory, name));
  }
}

function isEmpty(database: SQLite.Database): boolean {
  return database.prepare("SELECT 1 FROM sqlite_schema LIMIT 1").get() === undefined;
}

function isCopyOf(name: string, database: string): boolean {
  return name.startsWith(`${database}.v`) && /^\.v\d+\.bak$/.test(name.slice(database.length));
}
