import type { Dialect } from "../layout/kll.ts";
import { columnsOf, type Database, openDatabase, readSchema, schemaVersions } from "./database.ts";
import { stored } from "./faults.ts";

/** A channel (`latest`) or version (`v0.5.7`) on offer. */
export interface VersionRow {
  name: string;
  channel: string | null;
  /** Name of the toolchain container, e.g. `controller-057`; its image is `kiisrv-` + container. */
  container: string;
  git_tag: string | null;
  family: string;
  dialect: Dialect;
}

export interface ReleaseRow {
  git_tag: string;
  /** Number of commits up to the tag. */
  commits: number;
  /** The tag's commit. */
  hash: string;
  /** Author date of that commit, as git's `%ai` prints it. */
  date: string;
  /** Address of the release page. */
  notes: string;
}

/** Opens the table of versions; that of the predecessor gets the columns it lacks, its rows stay as they are. */
export function openConfig(file: string): Database {
  return openDatabase(file, readSchema("config"), {
    version: schemaVersions.config,
    migrate: addFamilyAndDialect,
  });
}

function addFamilyAndDialect(database: Database): void {
  const columns = columnsOf(database, "Versions");
  if (columns.length === 0) return;
  if (!columns.includes("family")) {
    database.exec("ALTER TABLE Versions ADD COLUMN family TEXT NOT NULL DEFAULT 'kiibohd'");
  }
  if (!columns.includes("dialect")) {
    database.exec(`ALTER TABLE Versions ADD COLUMN dialect TEXT NOT NULL DEFAULT 'current'
      CHECK (dialect IN ('current', 'legacy'))`);
  }
}

/** The versions on offer and what is known of their releases. Read anew each time, so an edit needs no restart. */
export class VersionStore {
  readonly #all;
  readonly #find;
  readonly #release;

  constructor(database: Database) {
    const fields = "name, channel, container, git_tag, family, dialect";
    // A row that names no container cannot be built, so it is not on offer.
    const offered = "container <> ''";
    this.#all = database.prepare<[], VersionRow>(
      `SELECT ${fields} FROM Versions WHERE ${offered} ORDER BY name`,
    );
    this.#find = database.prepare<[string], VersionRow>(
      `SELECT ${fields} FROM Versions WHERE ${offered} AND name = ?`,
    );
    this.#release = database.prepare<[string], ReleaseRow>(
      "SELECT git_tag, commits, hash, date, notes FROM Releases WHERE git_tag = ?",
    );
  }

  /** All versions, by name. */
  all(): VersionRow[] {
    return stored(() => this.#all.all());
  }

  find(name: string): VersionRow | undefined {
    return stored(() => this.#find.get(name));
  }

  release(tag: string): ReleaseRow | undefined {
    return stored(() => this.#release.get(tag));
  }
}
