import { once } from "node:events";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import SQLite from "better-sqlite3";
import { expect, test } from "vitest";
import { openDatabase } from "../../src/store/database.ts";
import { assertUsable, copyDatabases, databasesIn } from "../../src/store/snapshot.ts";
import { spawnScript } from "../support/child.ts";
import { scratch } from "./helpers.ts";

const things = "CREATE TABLE IF NOT EXISTS Things (name TEXT PRIMARY KEY, size INTEGER, filler BLOB)";
const never = new AbortController().signal;

/** A database of some ten thousand pages, which takes a copy many steps. */
function large(data: string, name: string): void {
  const database = openDatabase(join(data, name), things);
  const insert = database.prepare("INSERT INTO Things VALUES (?, -1, zeroblob(100000))");
  database.transaction(() => {
    for (let number = 0; number < 400; number++) insert.run(`filler ${number}`);
  })();
  database.close();
}

test("a copy is of one moment, and ends, though another program writes all the while", async () => {
  const [data, target] = [scratch(), scratch()];
  for (const name of ["one.db", "other.db"]) large(data, name);
  const writer = spawnScript(`
    import { writeSync } from "node:fs";
    import { openDatabase } from "./src/store/database.ts";
    const open = (name) => openDatabase(${JSON.stringify(data)} + "/" + name, ${JSON.stringify(things)});
    const pairs = ["one.db", "other.db"].map((name) => {
      const database = open(name);
      const insert = database.prepare("INSERT INTO Things VALUES (?, ?, NULL)");
      return database.transaction((n) => { insert.run("a" + n, n); insert.run("b" + n, n); });
    });
    for (let n = 0; ; n += 1) { for (const pair of pairs) pair(n); if (n % 100 === 0) writeSync(1, "."); }
  `);
  await once(writer.stdout, "data");
  await copyDatabases(data, ["one.db", "other.db"], target, never);
  expect(writer.exitCode).toBeNull();
  expect(readdirSync(target).sort()).toEqual(["one.db", "other.db"]);
  const copies = ["one.db", "other.db"].map((name) => {
    assertUsable(join(target, name), name, undefined);
    expect(statSync(join(target, name)).mode & 0o777).toBe(0o600);
    const copy = new SQLite(join(target, name));
    const row = copy.prepare("SELECT count(*) AS rows, max(size) AS last FROM Things WHERE size >= 0").get();
    copy.close();
    return row as { rows: number; last: number };
  });
  // Each holds whole pairs, and all there were.
  for (const { rows, last } of copies) expect(rows).toBe((last + 1) * 2);
});

test("a copy can be broken off", async () => {
  const [data, target] = [scratch(), scratch()];
  large(data, "one.db");
  const interrupt = new AbortController();
  const copied = copyDatabases(data, ["one.db"], target, interrupt.signal);
  interrupt.abort(new Error("enough"));
  await expect(copied).rejects.toThrow("enough");
});

test("the databases of a directory are those by their names, the lock's excepted", () => {
  const data = scratch();
  for (const name of [
    "builds.db",
    "builds.db-wal",
    "lock.db",
    "builds.db.v0.bak",
    "notes.txt",
    "Access.db",
  ]) {
    writeFileSync(join(data, name), "");
  }
  mkdirSync(join(data, "layouts"));
  expect(databasesIn(data)).toEqual(["builds.db"]);
  expect(databasesIn(join(data, "nowhere"))).toEqual([]);
});
