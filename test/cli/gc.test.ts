import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import SQLite from "better-sqlite3";
import { expect, test } from "vitest";
import { preparationName } from "../../src/backup/swap.ts";
import { dispatch } from "../../src/cli/dispatch.ts";
import { gc } from "../../src/cli/gc.ts";
import { BuildStore, openBuilds } from "../../src/store/builds.ts";
import { isHeld, lockDirectory } from "../../src/store/lock.ts";
import { newBuild } from "../store/helpers.ts";
import { temporaryDirectory } from "../support/app.ts";

const rows = 400;

/** A data directory with many builds that are long over, most of them forgotten, and a stray zip. */
function neglected(): { data: string; zips: string } {
  const directory = temporaryDirectory();
  const [data, zips] = [join(directory, "data"), join(directory, "zips")];
  for (const each of [data, zips]) mkdirSync(each);
  const database = openBuilds(join(data, "builds.db"));
  const builds = new BuildStore(database, () => 1000);
  for (let number = 0; number < rows; number++) {
    builds.create(newBuild(`build-${number}`));
    const log = "a line of the log\n".repeat(300);
    builds.finish(`build-${number}`, { status: "failed", milliseconds: 1, artifact: null, reason: "", log });
  }
  database.close();
  writeFileSync(join(zips, "A-B-00.zip"), "12345");
  utimesSync(join(zips, "A-B-00.zip"), 1, 1);
  return { data, zips };
}

async function run({ data, zips }: { data: string; zips: string }, ...args: string[]) {
  const lines: string[] = [];
  const told: string[] = [];
  const environment = {
    KIISRV_DATA: data,
    KIISRV_TMP_BUILDS: zips,
    KIISRV_TMP_CONFIG: join(data, "..", "config"),
    KIISRV_KEEP_ROWS_COUNT: "10",
  };
  const code = await dispatch(
    ["gc", ...args],
    [gc(async () => ({ buildsInContainers: async () => new Set() }))],
    {
      environment,
      input: async () => Buffer.alloc(0),
      output: (line) => lines.push(line),
      report: (line) => told.push(line),
    },
  );
  return { code, output: lines.join("\n"), told: told.join("\n") };
}

test("a dry run says what would go, and removes nothing", async () => {
  const place = neglected();
  const before = statSync(join(place.data, "builds.db")).size;
  const { code, output } = await run(place, "--dry-run", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(output)).toMatchObject({
    dryRun: true,
    serverRuns: false,
    strays: { count: 1, bytes: 5 },
    rows,
    expired: { count: 0, bytes: 0 },
  });
  expect(readdirSync(place.zips)).toEqual(["A-B-00.zip"]);
  expect(statSync(join(place.data, "builds.db")).size).toBe(before);
});

test("without a server the databases are written anew, and are smaller", async () => {
  const place = neglected();
  const before = statSync(join(place.data, "builds.db")).size;
  const { code, output } = await run(place);
  expect(code).toBe(0);
  expect(output).toMatch(/zips that no build names: 1, 5 bytes/);
  expect(output).toMatch(/freed \d{6,} bytes/);
  expect(readdirSync(place.zips)).toEqual([]);
  expect(statSync(join(place.data, "builds.db")).size).toBeLessThan(before / 4);
  expect(isHeld(place.data)).toBe(false);
  expect(JSON.parse((await run(place, "--json")).output)).toMatchObject({ rows: 0, strays: { count: 0 } });
});

test("beside a server it does the same, and the server can go on writing", async () => {
  const place = neglected();
  const lock = lockDirectory(place.data);
  const database = openBuilds(join(place.data, "builds.db"));
  const builds = new BuildStore(database);
  try {
    const { output } = await run(place, "--json");
    expect(JSON.parse(output)).toMatchObject({ serverRuns: true, strays: { count: 1 } });
    expect(JSON.parse(output).databases["builds.db"]).toBeGreaterThan(0);
    builds.create(newBuild("another"));
    expect(builds.interrupted()).toHaveLength(1);
  } finally {
    database.close();
    lock.release();
  }
});

test("while a restore is under way nothing is removed", async () => {
  const place = neglected();
  const lock = lockDirectory(place.data);
  try {
    mkdirSync(join(place.data, preparationName("20260101T000000Z")));
    const { code, told } = await run(place);
    expect(code).toBe(1);
    expect(told).toMatch(/restore .* is under way/);
    expect(readdirSync(place.zips)).toEqual(["A-B-00.zip"]);
  } finally {
    lock.release();
  }
});

test("a dry run carries no restore through", async () => {
  const place = neglected();
  const left = join(place.data, preparationName("20260101T000000Z"));
  mkdirSync(left);
  const { code, told } = await run(place, "--dry-run");
  expect(code).toBe(1);
  expect(told).toMatch(/restore .* is to be carried through first/);
  expect(existsSync(left)).toBe(true);
  expect((await run(place)).code).toBe(0);
  expect(existsSync(left)).toBe(false);
});

test("the database of a server of another release is left to that", async () => {
  const place = neglected();
  const file = join(place.data, "builds.db");
  const older = new SQLite(file);
  older.pragma("user_version = 0");
  const lock = lockDirectory(place.data);
  try {
    const { code, told } = await run(place);
    expect(code).toBe(1);
    expect(told).toMatch(/a server of another release is at work in it/);
    expect(older.pragma("user_version", { simple: true })).toBe(0);
    expect(readdirSync(place.zips)).toEqual(["A-B-00.zip"]);
  } finally {
    lock.release();
    older.close();
  }
  expect((await run(place)).code).toBe(0);
});

test("where no server has been nothing is made", async () => {
  const directory = temporaryDirectory();
  const { code, told } = await run({ data: directory, zips: directory });
  expect(code).toBe(1);
  expect(told).toMatch(/no server has been there/);
  expect(readdirSync(directory)).toEqual([]);
});
