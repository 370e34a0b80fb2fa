import { join } from "node:path";
import SQLite from "better-sqlite3";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { Database } from "../../src/store/database.ts";
import { openStats, type RequestRecord, StatsStore } from "../../src/store/stats.ts";
import { canMount, scratch, smallDisk } from "./helpers.ts";

function request(more: Partial<RequestRecord> = {}): RequestRecord {
  return {
    client: "c0ffee",
    os: "Linux",
    web: true,
    hash: "5eed",
    board: "KType",
    variant: "Standard",
    layers: 2,
    container: "controller-057",
    success: true,
    requestedAt: new Date("2026-01-02T03:04:05.678Z"),
    buildMilliseconds: 4200,
    ...more,
  };
}

function stats(file = ":memory:"): { database: Database; store: StatsStore } {
  const database = openStats(file);
  onTestFinished(() => void database.close());
  return { database, store: new StatsStore(database) };
}

const nothing = {
  builds: 0,
  uniqueBuilds: 0,
  users: 0,
  layers: 0,
  buildMilliseconds: 0,
  os: [],
  platforms: [],
  keyboards: [],
  versions: [],
};

/** The predecessor's table as it made it, with rows as it wrote them. */
function predecessor(file: string): void {
  const database = new SQLite(file);
  database.exec(`
    CREATE TABLE IF NOT EXISTS \`Requests\` (\`id\` INTEGER PRIMARY KEY AUTOINCREMENT, \`uid\` INTEGER,
      \`ip_addr\` TEXT NOT NULL, \`os\` TEXT NOT NULL, \`web\` INTEGER NOT NULL, \`serial\` INTEGER, \`hash\` TEXT NOT NULL,
      \`board\` TEXT NOT NULL, \`variant\` TEXT NOT NULL, \`layers\` INTEGER NOT NULL, \`container\` TEXT NOT NULL,
      \`success\` INTEGER NOT NULL, \`request_time\` INTEGER NOT NULL, \`build_duration\` INTEGER);
    INSERT INTO Requests (ip_addr, os, web, hash, board, variant, layers, container, success, request_time, build_duration)
    VALUES ('10.0.0.1', 'Windows', 0, '1f', 'MDErgo1', 'Default', 1, 'controller-056', 1,
        '2019-05-01T10:00:00.123456789+00:00', 60000),
      ('10.0.0.1', 'Windows', 0, '1f', 'MDErgo1', 'Default', 1, 'controller-056', 1,
        '2019-05-01T10:05:00.5+00:00', NULL),
      ('10.0.0.2', 'Mac', 1, '2f', 'KType', 'Standard', 1, 'controller-050', 0,
        '2019-05-02T10:00:00+00:00', 30000)`);
  database.close();
}

test("nothing asked for, nothing counted", () => {
  expect(stats().store.summary()).toEqual(nothing);
});

test("requests are counted as they come, and kept in the table in the field's form", () => {
  const { database, store } = stats();
  store.record(request());
  store.record(request({ buildMilliseconds: null, client: "decade", os: "Mac" }));
  store.record(request({ hash: "feed", variant: "Mine", web: false, layers: 1, success: false }));
  expect(store.summary()).toEqual({
    builds: 3,
    uniqueBuilds: 2,
    users: 2,
    layers: 5,
    buildMilliseconds: 8400,
    os: [
      { name: "Linux", count: 2 },
      { name: "Mac", count: 1 },
    ],
    platforms: [
      { name: "Web", count: 2 },
      { name: "Desktop", count: 1 },
    ],
    keyboards: [
      { name: "KType-Standard", count: 2 },
      { name: "KType-Mine", count: 1 },
    ],
    versions: [{ name: "controller-057", count: 3 }],
  });
  expect(database.prepare("SELECT *, typeof(request_time) AS type FROM Requests WHERE id = 2").get()).toEqual(
    {
      id: 2,
      uid: null,
      ip_addr: "decade",
      os: "Mac",
      web: 1,
      serial: null,
      hash: "5eed",
      board: "KType",
      variant: "Standard",
      layers: 2,
      container: "controller-057",
      success: 1,
      request_time: "2026-01-02T03:04:05.678Z",
      build_duration: null,
      type: "text",
    },
  );
});

test("the predecessor's stats.db keeps counting", async () => {
  const file = join(scratch(), "stats.db");
  predecessor(file);
  const { store } = stats(file);
  await store.catchUp();
  store.record(request({ hash: "2f", client: "10.0.0.2", os: "Mac" }));
  expect(store.summary()).toMatchObject({
    builds: 4,
    uniqueBuilds: 2,
    users: 2,
    layers: 5,
    buildMilliseconds: 94200,
    os: [
      { name: "Mac", count: 2 },
      { name: "Windows", count: 2 },
    ],
    platforms: [
      { name: "Desktop", count: 2 },
      { name: "Web", count: 2 },
    ],
  });
  const again = stats(file);
  await again.store.catchUp();
  expect(again.store.summary()).toEqual(store.summary());
});

test("rows that another program adds are counted, in either order and with gaps", () => {
  const file = join(scratch(), "stats.db");
  const { store } = stats(file);
  store.record(request());
  predecessor(file);
  expect(store.summary().builds).toBe(4);
  predecessor(file);
  store.record(request());
  const other = new SQLite(file);
  onTestFinished(() => void other.close());
  other.exec(`INSERT INTO Requests SELECT 9007199254740991, uid, ip_addr, 'BeOS', web, serial, hash, board, variant, layers,
    container, success, request_time, build_duration FROM Requests WHERE id = 1`);
  expect(store.summary()).toMatchObject({
    builds: 9,
    os: expect.arrayContaining([{ name: "BeOS", count: 1 }]),
  });
});

test("a backlog longer than a chunk is counted whole, a part of it with each question", () => {
  const { database, store } = stats();
  database.exec(`
    WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 120000)
    INSERT INTO Requests (ip_addr, os, web, hash, board, variant, layers, container, success, request_time, build_duration)
    SELECT 'u' || (n % 700), 'Linux', n % 2, 'h' || (n % 90000), 'KType', 'V' || (n % 3), 1 + n % 2, 'controller-057', 1, '', 10 FROM n`);
  store.record(request({ variant: "V0", buildMilliseconds: null }));
  const counts = Array.from({ length: 12 }, () => store.summary().builds);
  expect(counts).toEqual([...Array.from({ length: 11 }, (_, n) => (n + 2) * 10_000), 120_001]);
  expect(store.summary()).toMatchObject({
    builds: 120_001,
    uniqueBuilds: 90_001,
    users: 701,
    layers: 180_002,
    buildMilliseconds: 1_200_000,
    keyboards: [
      { name: "KType-V0", count: 40_001 },
      { name: "KType-V1", count: 40_000 },
      { name: "KType-V2", count: 40_000 },
    ],
  });
});

test("a backlog is counted in turns; what a stop cut short is gone on with", async () => {
  const file = join(scratch(), "stats.db");
  const { database, store } = stats(file);
  database.exec(`
    WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 35000)
    INSERT INTO Requests (ip_addr, os, web, hash, board, variant, layers, container, success, request_time)
    SELECT 'u', 'Linux', 1, 'h' || n, 'KType', 'Standard', 1, 'controller-057', 1, '' FROM n`);
  const stop = new AbortController();
  const counting = store.catchUp(stop.signal);
  stop.abort();
  database.close();
  await counting;
  const again = stats(file);
  const counted = () => again.database.prepare<[], number>("SELECT builds FROM Totals").pluck().get() ?? 0;
  const first = counted();
  expect(first).toBeGreaterThan(0);
  expect(first).toBeLessThan(35_000);
  await again.store.catchUp();
  expect([counted(), again.store.summary().uniqueBuilds]).toEqual([35_000, 35_000]);
});

test("deleted rows stay counted", () => {
  const { database, store } = stats();
  store.record(request());
  database.exec("DELETE FROM Requests");
  store.record(request());
  expect(store.summary()).toMatchObject({ builds: 2, uniqueBuilds: 1 });
});

test("the totals equal a scan of the table, whatever was asked for", () => {
  const names = fc.constantFrom("a", "b", "A", "constructor", "__proto__", "7", 'é\n"');
  const requests = fc.array(
    fc.record({
      client: names,
      os: names,
      web: fc.boolean(),
      hash: names,
      board: names,
      variant: names,
      layers: fc.nat(9),
      container: names,
      buildMilliseconds: fc.option(fc.nat(90_000)),
    }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(requests, (asked) => {
      const database = openStats(":memory:");
      const store = new StatsStore(database);
      for (const one of asked) store.record(request(one));
      const summary = store.summary();
      const distinct = (key: "client" | "hash"): number => new Set(asked.map((one) => one[key])).size;
      expect(summary).toMatchObject({
        builds: asked.length,
        uniqueBuilds: distinct("hash"),
        users: distinct("client"),
        layers: asked.reduce((sum, { layers }) => sum + layers, 0),
        buildMilliseconds: asked.reduce((sum, one) => sum + (one.buildMilliseconds ?? 0), 0),
        keyboards: tally(asked.map(({ board, variant }) => `${board}-${variant}`)),
        os: tally(asked.map(({ os }) => os)),
      });
      database.close();
    }),
    { numRuns: 50 },
  );
});

function tally(names: string[]): { name: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .map(([name, count]) => ({ name, count }))
    .sort((a, b) => b.count - a.count || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
}

test("a list of strangers' names ends, and still sums up", () => {
  const { store } = stats();
  for (let n = 0; n < 1010; n += 1) store.record(request({ variant: `V${n}` }));
  for (let n = 0; n < 5; n += 1) store.record(request({ variant: "Standard" }));
  const { keyboards, builds } = store.summary();
  expect(keyboards).toHaveLength(1001);
  expect(keyboards[0]).toEqual({ name: "KType-Standard", count: 5 });
  expect(keyboards.at(-1)).toEqual({ name: "(others)", count: 11 });
  expect(keyboards.reduce((sum, { count }) => sum + count, 0)).toBe(builds);
});

test("a table of another shape is refused by name", () => {
  const file = join(scratch(), "stats.db");
  const other = new SQLite(file);
  other.exec("CREATE TABLE Requests (id INTEGER PRIMARY KEY, url TEXT)");
  other.close();
  expect(() => openStats(file)).toThrow(
    /stats\.db cannot be used: its table Requests has no column ip_addr, os/,
  );
});

test.skipIf(!canMount)("a full disk is a storage problem, and rows and totals stay of one mind", () => {
  const disk = smallDisk(512 * 1024);
  const { database, store } = stats(join(disk.path, "stats.db"));
  let recorded = 0;
  const fill = (): void => {
    for (; ; recorded += 1) store.record(request({ variant: "x".repeat(2000), hash: String(recorded) }));
  };
  expect(fill).toThrow(expect.objectContaining({ code: "storage-failed" }));
  expect(recorded).toBeGreaterThan(5);
  const rows = database.prepare<[], number>("SELECT count(*) FROM Requests").pluck().get();
  expect([rows, store.summary().builds, store.summary().uniqueBuilds]).toEqual([
    recorded,
    recorded,
    recorded,
  ]);
});
