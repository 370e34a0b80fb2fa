import type { Origins } from "../layout/origins.ts";
import type { BuildSpec } from "../spec/spec.ts";
import {
  type BuildOutcome,
  type BuildRow,
  type BuildWork,
  decoded,
  type LoggedBuild,
  type NewBuild,
  type StoredArtifact,
} from "./buildRows.ts";
import { prepareBuilds } from "./buildStatements.ts";
import {
  columnsOf,
  type Database,
  type DatabaseOptions,
  openDatabase,
  readSchema,
  schemaVersions,
} from "./database.ts";
import { stored } from "./faults.ts";
import { tail } from "./tail.ts";

/** Of a log this much is kept: its end. */
const logBytes = 8 * 1024;

/** Opens the builds; an older program's table gets the columns it lacks. */
export function openBuilds(file: string, options: Pick<DatabaseOptions, "durable" | "inUse"> = {}): Database {
  return openDatabase(file, readSchema("builds"), {
    ...options,
    version: schemaVersions.builds,
    migrate: addColumns,
  });
}

/** The columns that were not there from the first, with their declarations. */
const laterColumns: readonly [name: string, declaration: string][] = [
  ["origins", "TEXT CHECK (origins IS NULL OR json_valid(origins))"],
  ["errors", "TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(errors))"],
  ["size", "TEXT CHECK (size IS NULL OR json_valid(size))"],
  ["used", "INTEGER"],
];

function addColumns(database: Database): void {
  const columns = columnsOf(database, "Builds");
  if (columns.length === 0) return;
  for (const [name, declaration] of laterColumns) {
    if (!columns.includes(name)) database.exec(`ALTER TABLE Builds ADD COLUMN ${name} ${declaration}`);
  }
  // BuildsUsed does its work, too.
  database.exec("DROP INDEX IF EXISTS BuildsArtifact");
}

/**
 * The builds that were asked for, one row each. A row is created `queued`, goes to `running` and then to one of the
 * finished states; only a finished row lets go of its spec. Each call is one transaction.
 *
 * All methods throw Problem `storage-failed` when the disk or the database does not do its part.
 */
export class BuildStore {
  readonly #statements: ReturnType<typeof prepareBuilds>;
  readonly #useAll: (artifacts: string[], now: number) => void;
  readonly #now: () => number;
  readonly #writeNothing: () => void;
  #refused = false;

  /** @param now the clock, milliseconds since 1970 */
  constructor(database: Database, now: () => number = Date.now) {
    this.#statements = prepareBuilds(database);
    this.#useAll = database.transaction((artifacts: string[], now: number) => {
      for (const artifact of artifacts) this.#statements.use.run({ artifact, now });
    }).immediate;
    this.#now = now;
    // It reaches the disk as any other commit does.
    this.#writeNothing = () => database.pragma(`user_version = ${schemaVersions.builds}`);
  }

  /** Where the last attempt to write failed, makes another one, which changes nothing. */
  assertWritable(): void {
    if (this.#refused) this.#write(this.#writeNothing);
  }

  create(build: NewBuild): void {
    const { spec, origins, ...columns } = build;
    const texts = { spec: JSON.stringify(spec), origins: JSON.stringify(origins) };
    const row = { ...columns, ...texts, created: this.#now() };
    this.#write(() => this.#statements.create.run(row));
  }

  /** Marks a queued build as running, and counts the attempt. */
  start(id: string): void {
    const { changes } = this.#write(() => this.#statements.start.run({ id, now: this.#now() }));
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
    const { changes } = this.#write(() => this.#statements.finish.run(row));
    if (changes === 0) throw new Error(`build ${id} is finished already, or never was`);
  }

  /**
   * Puts an open build back into the queue. After a crash the attempt counts, and the third one was the last: the build
   * may be what kills the server. An attempt that an orderly stop cut short does not count.
   */
  requeue(id: string, cause: "crashed" | "stopped"): "queued" | "faulted" {
    const { stop, recover } = this.#statements;
    const row = this.#write(() =>
      cause === "stopped" ? stop.get({ id }) : recover.get({ id, now: this.#now() }),
    );
    if (!row) throw new Error(`build ${id} is finished already, or never was`);
    return row.status;
  }

  /** The builds that are queued or running, oldest first: at start, those that the last process left behind. */
  interrupted(): BuildRow[] {
    return stored(() => this.#statements.interrupted.all()).map(decoded);
  }

  /** What a build is made from; undefined once it has an outcome. */
  work(id: string): BuildWork | undefined {
    const row = stored(() => this.#statements.work.get(id));
    if (row === undefined) return undefined;
    const { spec, origins } = row;
    return { spec: JSON.parse(spec) as BuildSpec, origins: JSON.parse(origins ?? "{}") as Origins };
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

  /** Notes that these artifacts were asked for just now. */
  use(artifacts: Iterable<string>): void {
    this.#write(() => this.#useAll([...artifacts], this.#now()));
  }

  /** Every artifact that is in a row, and when it was last asked for; null: not since it was published. */
  uses(): Map<string, number | null> {
    return new Map(stored(() => this.#statements.uses.all()));
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
    return this.#write(() => this.#statements.forget.run(artifact)).changes;
  }

  /** How many finished builds have no artifact any more. */
  spent(): number {
    return stored(() => this.#statements.spent.get()) ?? 0;
  }

  /** How many of those ended before a time, milliseconds since 1970. */
  spentBefore(time: number): number {
    return stored(() => this.#statements.spentBefore.get(time)) ?? 0;
  }

  /** Deletes the `count` of those that ended first; returns how many there were. */
  deleteSpent(count: number): number {
    return this.#write(() => this.#statements.deleteSpent.run(count)).changes;
  }

  #write<Result>(work: () => Result): Result {
    this.#refused = true;
    const result = stored(work);
    this.#refused = false;
    return result;
  }
}
