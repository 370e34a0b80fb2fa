import { copyFileSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import SQLite from "better-sqlite3";
import { expect, test } from "vitest";
import { openBuilds } from "../../src/store/builds.ts";
import { examine } from "../../src/store/examination.ts";
import { lockDirectory } from "../../src/store/lock.ts";
import { installation } from "../../src/store/meta.ts";
import { openStats } from "../../src/store/stats.ts";
import { openConfig } from "../../src/store/versions.ts";
import { scratch } from "./helpers.ts";

const never = new AbortController().signal;

/** A data directory as a server leaves it. */
function dataDirectory() {
  const directory = scratch();
  const builds = openBuilds(join(directory, "builds.db"));
  const { instance } = installation(builds);
  builds.close();
  openStats(join(directory, "stats.db")).close();
  openConfig(join(directory, "config.db")).close();
  const look = async (thorough = true) => {
    const examination = await examine({ directory, thorough }, never);
    const of = (name: string) => examination.files.find(({ path }) => path === join(directory, name));
    return { ...examination, of };
  };
  return { directory, instance, look };
}

test("a sound directory is described, and left as it was", async () => {
  const { directory, instance, look } = dataDirectory();
  const before = readdirSync(directory);
  const seen = await look();
  expect(seen).toMatchObject({ held: false, instance, running: [] });
  expect(seen.versions.map(({ name }) => name)).toContain("latest");
  expect(seen.of("builds.db")).toMatchObject({ read: true, error: null, damage: null, unwritable: [] });
  expect(seen.of("access.db")).toMatchObject({ exists: false, error: null });
  expect(readdirSync(directory)).toEqual(before);
});

test("a directory that is not there has nothing in it", async () => {
  const { files, held } = await examine({ directory: join(scratch(), "nowhere"), thorough: true }, never);
  expect(files.every(({ exists }) => !exists)).toBe(true);
  expect(held).toBe(false);
});

test("a database in use is read, by its user's leave", async () => {
  const { directory, instance, look } = dataDirectory();
  const lock = lockDirectory(directory);
  const inUse = openBuilds(join(directory, "builds.db"));
  const seen = await look();
  expect(seen).toMatchObject({ held: true, instance });
  expect(installation(inUse).instance).toBe(instance);
  inUse.close();
  lock.release();
});

test("damage is found by the thorough look, and what is no database by any", async () => {
  const { directory, look } = dataDirectory();
  truncateSync(join(directory, "config.db"), 8192);
  writeFileSync(join(directory, "stats.db"), "my notes".repeat(1000));
  const seen = await look();
  const { error, damage } = seen.of("config.db") ?? {};
  expect(error ?? damage).toMatch(/malformed|page|size/i);
  expect(seen.versions).toEqual([]);
  expect((await look(false)).of("stats.db")).toMatchObject({
    error: expect.stringContaining("SQLITE_NOTADB"),
  });
});

test("what a newer program made is not read any further", async () => {
  const { directory, look } = dataDirectory();
  const file = join(directory, "config.db");
  copyFileSync(file, join(directory, "copy"));
  const database = new SQLite(file);
  database.exec("DROP TABLE Versions; PRAGMA user_version = 99");
  database.close();
  expect((await look()).of("config.db")).toMatchObject({ schema: 99, read: false, error: null });
});

test("it can be ended", async () => {
  const { directory } = dataDirectory();
  const given = new AbortController();
  const looking = examine({ directory, thorough: true }, given.signal);
  given.abort(new Error("enough"));
  await expect(looking).rejects.toThrow("enough");
});
