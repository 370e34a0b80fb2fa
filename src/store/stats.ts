import { setImmediate } from "node:timers/promises";
import { columnsOf, type Database, openDatabase, readSchema, schemaVersions } from "./database.ts";
import { stored } from "./faults.ts";
import { type Count, type StatsSummary, withOthers } from "./summary.ts";

/** A request for a build, as it is counted. */
export interface RequestRecord {
  /** Who asked: a keyed hash, or the raw address where the operator wants that. */
  client: string;
  /** `Windows`, `Mac`, `Linux` or `Unknown`. */
  os: string;
  /** From a browser (true) or the desktop client (false). */
  web: boolean;
  /** The build's key: equal for equal builds. */
  hash: string;
  board: string;
  variant: string;
  layers: number;
  container: string;
  success: boolean;
  requestedAt: Date;
  /** Milliseconds from request to answer; null for a cached answer. */
  buildMilliseconds: number | null;
}

/** Rows counted in one transaction when there is a backlog: bounds memory, and how long the server is held up. */
const chunkRows = 10_000;
const listedNames = 1000;

/** Opens the statistics; an existing file of the predecessor keeps its rows. */
export function openStats(file: string): Database {
  return openDatabase(file, readSchema("stats"), {
    version: schemaVersions.stats,
    migrate: checkRequests,
  });
}

function checkRequests(database: Database): void {
  const columns = columnsOf(database, "Requests");
  const needed = [
    "id",
    "ip_addr",
    "os",
    "web",
    "hash",
    "board",
    "variant",
    "layers",
    "container",
    "build_duration",
  ];
  const missing = columns.length > 0 ? needed.filter((name) => !columns.includes(name)) : [];
  if (missing.length > 0) throw new Error(`its table Requests has no column ${missing.join(", ")}`);
}

/**
 * Counts requests. Totals are kept beside the rows and brought up in the transaction that adds a row, so that reading
 * them takes no scan; rows that another program adds are counted by their id when the totals are next touched. Rows
 * that are deleted stay counted.
 *
 * All methods throw Problem `storage-failed` when the disk or the database does not do its part.
 */
export class StatsStore {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #record: (request: RequestRecord) => void;
  readonly #countMore: () => boolean;
  readonly #read: () => StatsSummary;

  constructor(database: Database) {
    this.#statements = prepare(database);
    this.#record = database.transaction((request: RequestRecord) => {
      this.#statements.insert.run(toColumns(request));
      this.#count();
    }).immediate;
    this.#countMore = database.transaction(() => this.#count()).immediate;
    this.#read = database.transaction(() => this.#summarize()).deferred;
  }

  record(request: RequestRecord): void {
    stored(() => this.#record(request));
  }

  /**
   * Counts the rows that are not counted yet, to be called at start. A million of them take seconds, once, so others get
   * their turn in between. The signal stops it half way, before the database is closed; the next call goes on from there.
   */
  async catchUp(signal?: AbortSignal): Promise<void> {
    while (!signal?.aborted && stored(this.#countMore)) await setImmediate();
  }

  /**
   * The totals of all requests, of those that other programs added as many as can be counted without holding up the server:
   * the rest is in those of the next call.
   */
  summary(): StatsSummary {
    return stored(() => {
      if (this.#statements.behind.get() !== undefined) this.#countMore();
      return this.#read();
    });
  }

  /** Adds the next rows after the last one counted to the totals; false when there was none. */
  #count(): boolean {
    const range = this.#statements.next.get(chunkRows);
    if (!range) return false;
    const hashes = this.#statements.hashes.run(range).changes;
    const users = this.#statements.users.run(range).changes;
    for (const statement of this.#statements.counts) statement.run(range);
    this.#statements.totals.run({ ...range, hashes, users });
    return true;
  }

  #summarize(): StatsSummary {
    const { builds, ...sums } = this.#statements.read.get() ?? noRequests;
    const list = (name: string): Count[] => withOthers(this.#statements.list.all(name, listedNames), builds);
    const lists = { os: list("os"), platforms: list("platform") };
    return { builds, ...sums, ...lists, keyboards: list("keyboard"), versions: list("version") };
  }
}

const noRequests = { builds: 0, uniqueBuilds: 0, users: 0, layers: 0, buildMilliseconds: 0 };

/** The four lists of names, each with the SQL that names a request in it. */
const lists = {
  os: "CAST(os AS TEXT)",
  platform: "iif(web, 'Web', 'Desktop')",
  keyboard: "board || '-' || variant",
  version: "CAST(container AS TEXT)",
};

type Range = { after: number; last: number };

function prepare(database: Database) {
  const range = "WHERE id > @after AND id <= @last";
  return {
    insert: database.prepare(`
      INSERT INTO Requests (ip_addr, os, web, hash, board, variant, layers, container, success, request_time,
        build_duration)
      VALUES (@client, @os, @web, @hash, @board, @variant, @layers, @container, @success, @time, @buildMilliseconds)`),
    behind: database.prepare<[], number>("SELECT 1 FROM Requests, Totals WHERE id > counted LIMIT 1"),
    next: database.prepare<[number], Range>(`
      SELECT counted AS after, max(id) AS last
      FROM Totals, (SELECT id FROM Requests WHERE id > (SELECT counted FROM Totals) ORDER BY id LIMIT ?)
      HAVING last IS NOT NULL`),
    hashes: database.prepare<[Range]>(`
      INSERT INTO SeenHashes SELECT DISTINCT hash FROM Requests ${range} ORDER BY hash ON CONFLICT DO NOTHING`),
    users: database.prepare<[Range]>(`
      INSERT INTO SeenUsers SELECT DISTINCT ip_addr FROM Requests ${range} ORDER BY ip_addr ON CONFLICT DO NOTHING`),
    counts: Object.entries(lists).map(([list, name]) =>
      database.prepare<[Range]>(`
        INSERT INTO Counts SELECT '${list}', ${name} AS name, count(*) FROM Requests ${range} GROUP BY name
        ON CONFLICT DO UPDATE SET count = count + excluded.count`),
    ),
    totals: database.prepare<[Range & { hashes: number; users: number }]>(`
      UPDATE Totals SET counted = @last, builds = builds + new.rows, layers = Totals.layers + new.layers,
        duration = Totals.duration + new.duration, hashes = hashes + @hashes, users = users + @users
      FROM (SELECT count(*) AS rows, CAST(total(layers) AS INTEGER) AS layers,
        CAST(total(build_duration) AS INTEGER) AS duration FROM Requests ${range}) AS new`),
    read: database.prepare<[], typeof noRequests>(`
      SELECT builds, hashes AS uniqueBuilds, users, layers, duration AS buildMilliseconds FROM Totals`),
    list: database.prepare<[string, number], Count>(
      "SELECT name, count FROM Counts WHERE list = ? ORDER BY count DESC, name LIMIT ?",
    ),
  };
}

function toColumns({ requestedAt, web, success, ...columns }: RequestRecord) {
  return { ...columns, web: web ? 1 : 0, success: success ? 1 : 0, time: requestedAt.toISOString() };
}
