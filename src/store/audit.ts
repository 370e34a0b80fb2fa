import { type Database, type DatabaseOptions, openDatabase, readSchema, schemaVersions } from "./database.ts";
import { stored } from "./faults.ts";

export type AuditEvent =
  | "admin"
  | "build"
  | "key-added"
  | "key-refused"
  | "key-revoked"
  | "rate-limited"
  | "connection-refused";

export interface AuditEntry {
  /** Milliseconds since 1970. */
  time: number;
  event: AuditEvent;
  /** `key NAME`, `client HASH`, or `user NUMBER` of the machine. Never a key, never an address. */
  who: string;
  what: string;
  /** How often it happened since the entry before. */
  count: number;
}

/** Rows kept; at some 100 bytes each. */
const mostRows = 100_000;

/** Rows beyond that until they are deleted. */
const slack = 1000;

const longestText = 200;

/** Opens the database of keys and audit log. A crash may not bring a revoked key back, so every commit is on disk. */
export function openAccess(file: string, options: Pick<DatabaseOptions, "durable" | "inUse"> = {}): Database {
  return openDatabase(file, readSchema("access"), {
    durable: true,
    ...options,
    version: schemaVersions.access,
  });
}

/**
 * What was done and refused, by whom; the newest 100,000 entries. Texts may come from strangers: control characters and
 * whatever else is not printable ASCII are replaced, and they are cut, so an entry is a line wherever it is printed.
 *
 * All methods throw Problem `storage-failed` when the disk or the database does not do its part.
 */
export class AuditLog {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #now: () => number;

  /** @param now the clock, milliseconds since 1970 */
  constructor(database: Database, now: () => number = Date.now) {
    this.#statements = prepare(database);
    this.#now = now;
  }

  add({ event, who, what, count = 1 }: Omit<AuditEntry, "time" | "count"> & { count?: number }): void {
    const row = { time: this.#now(), event, who: printable(who), what: printable(what), count };
    stored(() => {
      const number = Number(this.#statements.insert.run(row).lastInsertRowid);
      if (number % slack === 0) this.#statements.prune.run(number - mostRows);
    });
  }

  /** The newest entries from `since` on (milliseconds since 1970), newest first. */
  read({ since = 0, limit = 1000 }: { since?: number; limit?: number } = {}): AuditEntry[] {
    return stored(() => this.#statements.read.all(since, limit));
  }
}

function prepare(database: Database) {
  return {
    insert: database.prepare(
      "INSERT INTO Audit (time, event, who, what, count) VALUES (@time, @event, @who, @what, @count)",
    ),
    prune: database.prepare<[number]>("DELETE FROM Audit WHERE number <= ?"),
    read: database.prepare<[number, number], AuditEntry>(
      "SELECT time, event, who, what, count FROM Audit WHERE time >= ? ORDER BY number DESC LIMIT ?",
    ),
  };
}

function printable(text: string): string {
  return text.slice(0, longestText).replace(/[^\x20-\x7e]/g, "?");
}
