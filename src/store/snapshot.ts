import { existsSync, readdirSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import SQLite from "better-sqlite3";

/** How long the copy waits for a lock another program holds, milliseconds: longer than a server ever holds one. */
const patience = 10_000;

/** Copied at a time, pages; in between others get their turn, a stop among them. */
const pagesAtOnce = 2000;

/** The databases of a data directory, by file name; that of the lock holds nothing. */
export function databasesIn(data: string): string[] {
  return existsSync(data) ? readdirSync(data).filter(isDatabaseName).sort() : [];
}

/** Whether a file of that name in a data directory is one of its databases. */
export function isDatabaseName(name: string): boolean {
  return /^[a-z]{1,32}\.db$/.test(name) && name !== "lock.db";
}

/**
 * Copies databases as they are at this moment, whoever writes to them meanwhile: each is read in one transaction, and all
 * transactions begin together. A copy is one file, its owner's alone.
 *
 * @param names files of `data`
 * @param target directory of the copies
 */
export async function copyDatabases(
  data: string,
  names: readonly string[],
  target: string,
  signal: AbortSignal,
): Promise<void> {
  const databases: SQLite.Database[] = [];
  try {
    for (const name of names) {
      databases.push(new SQLite(join(data, name), { fileMustExist: true, timeout: patience }));
    }
    for (const database of databases) holdStill(database);
    for (const [index, database] of databases.entries()) {
      await copy(database, join(target, names[index] ?? ""), signal);
    }
  } finally {
    for (const database of databases) database.close();
  }
}

/** SQLite begins a copy anew whenever another program has written, unless a transaction holds what it reads. */
function holdStill(database: SQLite.Database): void {
  database.exec("BEGIN");
  database.prepare("SELECT count(*) FROM sqlite_schema").get();
}

async function copy(database: SQLite.Database, file: string, signal: AbortSignal): Promise<void> {
  await database.backup(file, {
    progress() {
      signal.throwIfAborted();
      return pagesAtOnce;
    },
  });
  await chmod(file, 0o600);
  const copied = new SQLite(file);
  try {
    copied.pragma("journal_mode = DELETE");
  } finally {
    copied.close();
  }
}

/** An artifact that a copied database says is kept. */
export interface CopiedArtifact {
  name: string;
  bytes: number;
  sha256: string;
}

/** A copy of builds.db, or one that came out of a backup: nobody else uses it. */
export class CopiedBuilds {
  readonly #database: SQLite.Database;

  constructor(file: string) {
    this.#database = new SQLite(file, { fileMustExist: true });
  }

  /** The artifacts its rows name, each as its newest row has it. */
  artifacts(): CopiedArtifact[] {
    return this.#database
      .prepare<[], CopiedArtifact>(`
        SELECT artifact AS name, bytes, sha256, max(number) FROM Builds
        WHERE artifact IS NOT NULL AND bytes IS NOT NULL AND sha256 IS NOT NULL GROUP BY artifact ORDER BY artifact`)
      .all();
  }

  /** Has no row name these artifacts any more: their builds run again when somebody asks for them. */
  forget(artifacts: readonly string[]): void {
    const forget = this.#database.prepare<[string]>(
      "UPDATE Builds SET artifact = NULL, bytes = NULL, sha256 = NULL WHERE artifact = ?",
    );
    this.#database.transaction(() => {
      for (const artifact of artifacts) forget.run(artifact);
    })();
  }

  /**
   * Gives the installation another name; null: it makes itself one. Two servers of one name on one daemon would remove each
   * other's containers.
   */
  rename(instance: string | null): void {
    this.#database.prepare("DELETE FROM Meta WHERE name = 'instance'").run();
    if (instance === null) return;
    this.#database.prepare("INSERT INTO Meta (name, value) VALUES ('instance', ?)").run(instance);
  }

  /** The installation's name; null: it has none yet. */
  instance(): string | null {
    const row = this.#database.prepare<[], string>("SELECT value FROM Meta WHERE name = 'instance'").pluck();
    return row.get() ?? null;
  }

  /** How many builds it knows. */
  count(): number {
    return this.#database.prepare<[], number>("SELECT count(*) FROM Builds").pluck().get() ?? 0;
  }

  close(): void {
    this.#database.close();
  }
}

/**
 * Checks a database that comes from elsewhere.
 * @param known number of the newest schema this program can bring up to date; undefined: any
 * @throws Error saying what is wrong with it
 */
export function assertUsable(file: string, name: string, known: number | undefined): void {
  const database = new SQLite(file, { fileMustExist: true });
  try {
    const [first] = database.pragma("integrity_check(1)") as { integrity_check: string }[];
    if (first?.integrity_check !== "ok") throw new Error(first?.integrity_check ?? "nothing answers");
    const version = Number(database.pragma("user_version", { simple: true }));
    if (known !== undefined && version > known) {
      throw new Error(`it is of a newer kiisrv (schema ${version}; this one knows up to ${known})`);
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`the backup's ${name} cannot be used: ${why}`, { cause: error });
  } finally {
    database.close();
  }
}
