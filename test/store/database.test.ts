import { once } from "node:events";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import SQLite from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { columnsOf, openDatabase, readSchema } from "../../src/store/database.ts";
import { spawnScript } from "../support/child.ts";
import { canMount, scratch, smallDisk } from "./helpers.ts";

const things = "CREATE TABLE IF NOT EXISTS Things (name TEXT PRIMARY KEY, size INTEGER)";

test("a database is made private, in WAL mode, and opened again with what it holds", () => {
  const file = join(scratch(), "things.db");
  const first = openDatabase(file, things);
  first.exec("INSERT INTO Things VALUES ('keyboard', 1)");
  expect(first.pragma("journal_mode", { simple: true })).toBe("wal");
  expect(first.pragma("foreign_keys", { simple: true })).toBe(1);
  first.close();
  const again = openDatabase(file, things);
  onTestFinished(() => void again.close());
  expect(again.prepare("SELECT * FROM Things").all()).toEqual([{ name: "keyboard", size: 1 }]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("durable databases wait for the disk, others do not", () => {
  const synchronous = (durable: boolean): unknown => {
    const database = openDatabase(join(scratch(), "things.db"), things, { durable });
    onTestFinished(() => void database.close());
    return database.pragma("synchronous", { simple: true });
  };
  expect([synchronous(true), synchronous(false)]).toEqual([2, 1]);
});

test.each(["builds", "config", "stats"] as const)("the schema %s can be run again and again", (name) => {
  const file = join(scratch(), "any.db");
  const shape = (): unknown[] => {
    const database = openDatabase(file, readSchema(name));
    const rows = database.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").all();
    database.close();
    return rows;
  };
  const first = shape();
  expect(first.length).toBeGreaterThan(2);
  expect(shape()).toEqual(first);
});

test("a file that is no database is refused with advice and left as it is", () => {
  const file = join(scratch(), "notes.db");
  const text = "My shopping list.\n".repeat(100);
  writeFileSync(file, text);
  expect(() => openDatabase(file, things)).toThrow(/notes\.db is not an SQLite database; .*left as it is/);
  expect(readFileSync(file, "utf8")).toBe(text);
});

test("a damaged database is refused with advice and left as it is", () => {
  const file = join(scratch(), "things.db");
  const good = openDatabase(file, things);
  good.close();
  const bytes = readFileSync(file);
  bytes.fill(0xff, 100, 2000);
  writeFileSync(file, bytes);
  expect(() => openDatabase(file, things)).toThrow(/things\.db is damaged; restore it/);
  expect(readFileSync(file).equals(bytes)).toBe(true);
});

test("a directory, a path that does not exist and a bad schema are told apart", () => {
  const directory = scratch();
  mkdirSync(join(directory, "folder.db"));
  expect(() => openDatabase(join(directory, "folder.db"), things)).toThrow(/folder\.db cannot be used/);
  expect(() => openDatabase(join(directory, "no", "things.db"), things)).toThrow(/directory does not exist/);
  expect(() => openDatabase(join(directory, "a.db"), "CREATE TABEL x (y)")).toThrow(
    /cannot be used: .*TABEL/,
  );
});

test("a schema that fails half way leaves nothing of itself", () => {
  const file = join(scratch(), "things.db");
  expect(() => openDatabase(file, `${things}; INSERT INTO Nowhere VALUES (1)`)).toThrow(/Nowhere/);
  const database = new SQLite(file);
  onTestFinished(() => void database.close());
  expect(columnsOf(database, "Things")).toEqual([]);
});

test("a database that another program locks is reported as such", () => {
  const file = join(scratch(), "things.db");
  const other = new SQLite(file);
  onTestFinished(() => void other.close());
  other.exec("BEGIN EXCLUSIVE");
  expect(() => openDatabase(file, things)).toThrow(/things\.db is locked by another program/);
});

test.skipIf(!canMount)("a read-only file system is reported as such", () => {
  const disk = smallDisk(1024 * 1024);
  const file = join(disk.path, "things.db");
  openDatabase(file, things).close();
  disk.makeReadOnly();
  expect(() => openDatabase(file, things)).toThrow(/things\.db cannot be written; make it/);
});

test("kill -9 in the midst of writing leaves a database that holds every row that was acknowledged", async () => {
  const file = join(scratch(), "things.db");
  const child = spawnScript(`
    import { writeSync } from "node:fs";
    import { openDatabase } from "./src/store/database.ts";
    const database = openDatabase(${JSON.stringify(file)}, ${JSON.stringify(things)});
    const insert = database.prepare("INSERT INTO Things VALUES (?, ?)");
    const pair = database.transaction((n) => { insert.run("a" + n, n); insert.run("b" + n, n); });
    // process.stdout would keep what a slow reader has no room for until this loop ends.
    for (let n = 0; ; n += 1) { pair(n); writeSync(1, n + "\\n"); }
  `);
  const gone = once(child, "exit");
  let seen = "";
  for await (const chunk of child.stdout) {
    seen += String(chunk);
    if (seen.length > 2000) break;
  }
  child.kill("SIGKILL");
  await gone;
  const acknowledged = Number(seen.split("\n").at(-2));
  const database = openDatabase(file, things);
  onTestFinished(() => void database.close());
  expect(database.pragma("integrity_check", { simple: true })).toBe("ok");
  const count = database.prepare("SELECT count(*) AS rows, max(size) AS last FROM Things").get();
  const last = database.prepare<[], number>("SELECT max(size) FROM Things").pluck().get() ?? -1;
  expect(last).toBeGreaterThanOrEqual(acknowledged);
  expect(count).toEqual({ rows: (last + 1) * 2, last });
});
