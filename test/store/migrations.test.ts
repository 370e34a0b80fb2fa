import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import SQLite from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { BuildStore, openBuilds } from "../../src/store/builds.ts";
import { columnsOf, type Database, openDatabase, schemaVersions } from "../../src/store/database.ts";
import { openStats, StatsStore } from "../../src/store/stats.ts";
import { openConfig, VersionStore } from "../../src/store/versions.ts";
import { newBuild, scratch, someKey } from "./helpers.ts";

/** Every schema there has been before files had a number. */
const earlier = {
  builds: ["builds-first", "builds-findings"],
  stats: ["stats-predecessor", "stats-first"],
  config: ["config-predecessor", "config-first"],
};

/** A database as an earlier program left it. */
function fromBefore(name: string, rows = ""): string {
  const file = join(scratch(), `${name.replace(/-.*/, "")}.db`);
  const database = new SQLite(file);
  database.exec(readFileSync(join(import.meta.dirname, "schemas", `${name}.sql`), "utf8"));
  database.exec(rows);
  database.close();
  return file;
}

function opened(database: Database): Database {
  onTestFinished(() => void database.close());
  return database;
}

/** What a table or index is, but for how it was written. */
function shape(database: Database): unknown[] {
  const tables = database
    .prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .pluck()
    .all();
  const indexes = database.prepare(
    "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'index' ORDER BY name",
  );
  return [tables.map((table) => [table, columnsOf(database, table).sort()]), indexes.all()];
}

const open = { builds: openBuilds, stats: openStats, config: openConfig };

test.each(Object.keys(open) as (keyof typeof open)[])(
  "%s: from every earlier schema to that of today",
  (name) => {
    const today = shape(opened(open[name](":memory:")));
    for (const schema of earlier[name]) {
      const database = opened(open[name](fromBefore(schema)));
      expect(shape(database), schema).toEqual(today);
      expect(database.pragma("user_version", { simple: true })).toBe(schemaVersions[name]);
      expect(database.pragma("integrity_check", { simple: true })).toBe("ok");
    }
  },
);

test.each(earlier.builds)("%s: builds that are done stay, those that are not can go on", (schema) => {
  const { id, key, spec, origins: _, ...rest } = newBuild("done-1");
  const columns =
    "id, key, status, board, layout, version, container, image, client, created, artifact, bytes, sha256, spec";
  const row = (values: unknown[]) =>
    `INSERT INTO Builds (${columns}) VALUES (${values.map((value) => (value === null ? "NULL" : `'${value}'`)).join()});`;
  const common = [rest.board, rest.layout, rest.version, rest.container, rest.image, rest.client, 5];
  const file = fromBefore(
    schema,
    `INSERT INTO Meta VALUES ('instance', 'ours');` +
      row([id, key, "succeeded", ...common, "a.zip", 3, "ab".repeat(32), null]) +
      row(["open-1", key, "running", ...common, null, null, null, JSON.stringify(spec)]),
  );
  const builds = new BuildStore(opened(openBuilds(file)), () => 77);
  expect(builds.cached(someKey)).toMatchObject({ id, artifact: { name: "a.zip" }, errors: [], size: null });
  expect(builds.interrupted()).toMatchObject([{ id: "open-1" }]);
  expect(builds.work("open-1")).toEqual({ spec, origins: {} });
  builds.use(["a.zip"]);
  expect([...builds.uses()]).toEqual([["a.zip", 77]]);
});

test("the predecessor's statistics go on counting", () => {
  const file = fromBefore(
    "stats-predecessor",
    `INSERT INTO Requests (ip_addr, os, web, hash, board, variant, layers, container, success, request_time, build_duration)
      VALUES ('10.0.0.1', 'Mac', 0, '1f', 'MDErgo1', 'Default', 2, 'controller-056', 1, '2019-05-01T10:00:00+00:00', 60000)`,
  );
  const stats = new StatsStore(opened(openStats(file)));
  expect(stats.summary()).toMatchObject({ builds: 1, users: 1, layers: 2, buildMilliseconds: 60000 });
});

test("an operator's versions stay", () => {
  const versions = new VersionStore(opened(openConfig(fromBefore("config-predecessor"))));
  expect(versions.find("mine")).toMatchObject({
    container: "controller-mine",
    family: "kiibohd",
    dialect: "current",
  });
});

test("a file of a newer program is refused and left as it is", () => {
  const file = join(scratch(), "builds.db");
  const newer = new SQLite(file);
  newer.exec(`CREATE TABLE Things (x); PRAGMA user_version = ${schemaVersions.builds + 1}`);
  newer.close();
  const before = readFileSync(file);
  expect(() => openBuilds(file)).toThrow(
    /builds\.db cannot be used: it was written by a newer kiisrv .*restore a backup/,
  );
  expect(readFileSync(file).equals(before)).toBe(true);
});

test("a copy of how it was is kept beside it: private, whole, of the last schema only", () => {
  const file = fromBefore("builds-first", "INSERT INTO Meta VALUES ('instance', 'ours')");
  openBuilds(file).close();
  openBuilds(file).close();
  const copy = `${file}.v0.bak`;
  const directory = join(file, "..");
  expect(readdirSync(directory).sort()).toEqual(["builds.db", "builds.db.v0.bak"]);
  expect(statSync(copy).mode & 0o777).toBe(0o600);
  const kept = opened(new SQLite(copy));
  expect(kept.prepare("SELECT value FROM Meta").pluck().get()).toBe("ours");
  expect(columnsOf(kept, "Builds")).not.toContain("errors");

  openDatabase(file, "", { version: schemaVersions.builds + 1 }).close();
  expect(readdirSync(directory).sort()).toEqual(["builds.db", `builds.db.v${schemaVersions.builds}.bak`]);
});

test("half a copy is not left behind", () => {
  const file = fromBefore("builds-first", "");
  mkdirSync(`${file}.v0.bak`);
  expect(() => openBuilds(file)).toThrow(/builds\.db cannot be used/);
  expect(readdirSync(join(file, "..")).sort()).toEqual(["builds.db", "builds.db.v0.bak"]);
});

test("nothing is copied of a database that is new", () => {
  const directory = scratch();
  openBuilds(join(directory, "builds.db")).close();
  expect(readdirSync(directory)).toEqual(["builds.db"]);
});
