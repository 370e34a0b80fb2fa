import type { Complaint } from "../errors.ts";
import type { Origins } from "../layout/origins.ts";
import type { SizeReport } from "../spec/size.ts";
import type { BuildSpec } from "../spec/spec.ts";
import { columnsOf, type Database, type DatabaseOptions, openDatabase, readSchema } from "./database.ts";
import { stored } from "./faults.ts";
import { tail } from "./tail.ts";

export type FinishedStatus =
  | "succeeded"
  | "failed"
  | "timed-out"
  | "limit-exceeded"
  | "cancelled"
  | "faulted";
export type BuildStatus = "queued" | "running" | FinishedStatus;

export interface NewBuild {
  /** Unique for all time, `[a-z0-9-]+`. */
  id: string;
  /** The spec's key, 64 hex digits. */
  key: string;
  board: string;
  layout: string;
  /** The version as asked for, e.g. `latest`. */
  version: string;
  container: string;
  /** Content id of the toolchain image, `sha256:…`. */
  image: string;
  /** Who asked: a keyed hash. */
  client: string;
  spec: BuildSpec;
  /** Of the spec's KLL files. */
  origins: Origins;
}

export interface StoredArtifact {
  name: string;
  bytes: number;
  /** Hex digits. */
  sha256: string;
}

export interface BuildOutcome {
  status: FinishedStatus;
  /** Wall time of the run; 0 when it never ran. */
  milliseconds: number;
  artifact: StoredArtifact | null;
  /** One sentence for a person; empty on success. */
  reason: string;
  /** What is wrong with the layout, as far as the run told; by default nothing. */
  errors?: readonly Complaint[];
  /** By default unknown. */
  size?: SizeReport | null;
  /** The run's log; its last 8 KiB are kept. */
  log: string;
}

/** A build as it stands. Times are milliseconds since 1970. */
export interface BuildRow extends Omit<NewBuild, "spec" | "origins"> {
  status: BuildStatus;
  /** How often it was started. */
  attempts: number;
  created: number;
  started: number | null;
  finished: number | null;
  milliseconds: number | null;
  artifact: StoredArtifact | null;
  reason: string;
  errors: Complaint[];
  size: SizeReport | null;
}

/** A build with the tail of its log, which is long and seldom wanted. */
export interface LoggedBuild extends BuildRow {
  log: string;
}

/** A build that was asked for and has no outcome yet. */
export interface OpenBuild extends BuildRow {
  spec: BuildSpec;
  origins: Origins;
}

/** A build that was under way this often when the server died is not tried again. */
export const maxAttempts = 3;
const logBytes = 8 * 1024;

const fields = `id, key, status, board, layout, version, container, image, client, attempts, created, started, finished,
  milliseconds, artifact, bytes, sha256, reason, errors, size`;
const isOpen = "status IN ('queued', 'running')";

type Columns = Omit<BuildRow, "artifact" | "errors" | "size"> & {
  artifact: string | null;
  bytes: number | null;
  sha256: string | null;
  errors: string;
  size: string | null;
};

/** Opens the builds; an older program's table gets the columns it lacks. */
export function openBuilds(file: string, options: Pick<DatabaseOptions, "durable"> = {}): Database {
  return openDatabase(file, readSchema("builds"), { ...options, migrate: addFindings });
}

function addFindings(database: Database): void {
  const columns = columnsOf(database, "Builds");
  if (columns.length === 0 || columns.includes("errors")) return;
  database.exec(`
    ALTER TABLE Builds ADD COLUMN origins TEXT CHECK (origins IS NULL OR json_valid(origins));
    ALTER TABLE Builds ADD COLUMN errors TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(errors));
    ALTER TABLE Builds ADD COLUMN size TEXT CHECK (size IS NULL OR json_valid(size));`);
}

/**
 * The builds that were asked for, one row each. A row is created `queued`, goes to `running` and then to one of the
 * finished states; only a finished row lets go of its spec. Each call is one transaction.
 *
 * All methods throw Problem `storage-failed` when the disk or the database does not do its part.
 */
export class BuildStore {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #now: () => number;

  /** @param now the clock, milliseconds since 1970 */
  constructor(database: Database, now: () => number = Date.now) {
    this.#statements = prepare(database);
    this.#now = now;
  }

  create(build: NewBuild): void {
    const { spec, origins, ...columns } = build;
    const texts = { spec: JSON.stringify(spec), origins: JSON.stringify(origins) };
    const row = { ...columns, ...texts, created: this.#now() };
    stored(() => this.#statements.create.run(row));
  }

  /** Marks a queued build as running, and counts the attempt. */
  start(id: string): void {
    const { changes } = stored(() => this.#statements.start.run({ id, now: this.#now() }));
    if (changes === 0) throw new Error(`build ${id} is not queued`);
  }

  /** Gives a queued or running build its outcome. */
  finish(id: string, outcome: BuildOutcome): void {
    const { artifact, errors = [], size = null, log, ...rest } = outcome;
    const row = {
      ...rest,
      id,
      now: this.#now(),
      artifact: artifact?.name ?? null,
      bytes: artifact?.bytes ?? null,
      sha256: artifact?.sha256 ?? null,
      errors: JSON.stringify(errors),
      size: size && JSON.stringify(size),
      log: tail(log, logBytes),
    };
    const { changes } = stored(() => this.#statements.finish.run(row));
    if (changes === 0) throw new Error(`build ${id} is finished already, or never was`);
  }

  /**
   * Puts an open build back into the queue. After a crash the attempt counts, and the third one was the last: the build
   * may be what kills the server. An attempt that an orderly stop cut short does not count.
   */
  requeue(id: string, cause: "crashed" | "stopped"): "queued" | "faulted" {
    const { stop, recover } = this.#statements;
    const row = stored(() =>
      cause === "stopped" ? stop.get({ id }) : recover.get({ id, now: this.#now() }),
    );
    if (!row) throw new Error(`build ${id} is finished already, or never was`);
    return row.status;
  }

  /** The builds that are queued or running, oldest first: at start, those that the last process left behind. */
  interrupted(): OpenBuild[] {
    const rows = stored(() => this.#statements.interrupted.all());
    return rows.map(({ spec, origins, ...row }) => ({
      ...decoded(row),
      spec: JSON.parse(spec) as BuildSpec,
      origins: JSON.parse(origins ?? "{}") as Origins,
    }));
  }

  /** The newest build of this key whose outcome repeats itself (it succeeded or failed) and whose artifact is kept. */
  cached(key: string): BuildRow | undefined {
    const row = stored(() => this.#statements.cached.get(key));
    return row && decoded(row);
  }

  find(id: string): LoggedBuild | undefined {
    const row = stored(() => this.#statements.find.get(id));
    return row && decoded(row);
  }

  /** The artifact of that name, as it was published. */
  artifact(name: string): StoredArtifact | undefined {
    return stored(() => this.#statements.artifact.get(name));
  }

  /** The newest builds, newest first. */
  recent(limit: number): BuildRow[] {
    return stored(() => this.#statements.recent.all(Math.max(0, Math.trunc(limit)))).map(decoded);
  }

  /**
   * Notes that an artifact is gone, so that its builds are no longer answered from the cache.
   * @returns how many builds named it
   */
  forget(artifact: string): number {
    return stored(() => this.#statements.forget.run(artifact)).changes;
  }
}

function prepare(database: Database) {
  return {
    create: database.prepare(`
      INSERT INTO Builds (id, key, status, board, layout, version, container, image, client, created, spec, origins)
      VALUES (@id, @key, 'queued', @board, @layout, @version, @container, @image, @client, @created, @spec,
        @origins)`),
    start: database.prepare(`
      UPDATE Builds SET status = 'running', started = @now, attempts = attempts + 1
      WHERE id = @id AND status = 'queued'`),
    finish: database.prepare(`
      UPDATE Builds SET status = @status, finished = @now, milliseconds = @milliseconds, artifact = @artifact,
        bytes = @bytes, sha256 = @sha256, reason = @reason, errors = @errors, size = @size, log = @log,
        spec = NULL, origins = NULL
      WHERE id = @id AND ${isOpen}`),
    stop: database.prepare<[{ id: string }], { status: "queued" }>(`
      UPDATE Builds SET status = 'queued', started = NULL, attempts = attempts - (status = 'running')
      WHERE id = @id AND ${isOpen} RETURNING status`),
    recover: database.prepare<[{ id: string; now: number }], { status: "queued" | "faulted" }>(`
      UPDATE Builds SET
        status   = iif(attempts < ${maxAttempts}, 'queued', 'faulted'),
        started  = iif(attempts < ${maxAttempts}, NULL, started),
        finished = iif(attempts < ${maxAttempts}, NULL, @now),
        spec     = iif(attempts < ${maxAttempts}, spec, NULL),
        origins  = iif(attempts < ${maxAttempts}, origins, NULL),
        reason   = iif(attempts < ${maxAttempts}, '', 'broken off ${maxAttempts} times: the server or its Docker daemon stopped while this was built')
      WHERE id = @id AND ${isOpen} RETURNING status`),
    interrupted: database.prepare<[], Columns & { spec: string; origins: string | null }>(
      `SELECT ${fields}, spec, origins FROM Builds WHERE ${isOpen} ORDER BY number`,
    ),
    cached: database.prepare<[string], Columns>(`
      SELECT ${fields} FROM Builds
      WHERE key = ? AND status IN ('succeeded', 'failed') AND artifact IS NOT NULL
      ORDER BY number DESC LIMIT 1`),
    find: database.prepare<[string], Columns & { log: string }>(
      `SELECT ${fields}, log FROM Builds WHERE id = ?`,
    ),
    recent: database.prepare<[number], Columns>(`SELECT ${fields} FROM Builds ORDER BY number DESC LIMIT ?`),
    artifact: database.prepare<[string], StoredArtifact>(
      "SELECT artifact AS name, bytes, sha256 FROM Builds WHERE artifact = ? ORDER BY number DESC LIMIT 1",
    ),
    forget: database.prepare<[string]>(
      "UPDATE Builds SET artifact = NULL, bytes = NULL, sha256 = NULL WHERE artifact = ?",
    ),
  };
}

/** A row as the program has it: of the artifact's three columns one value, of JSON texts what they say. */
function decoded<Row extends Columns>({ artifact: name, bytes, sha256, errors, size, ...row }: Row) {
  const kept = name !== null && bytes !== null && sha256 !== null;
  return {
    ...row,
    artifact: kept ? { name, bytes, sha256 } : null,
    errors: JSON.parse(errors) as Complaint[],
    size: size === null ? null : (JSON.parse(size) as SizeReport),
  };
}
