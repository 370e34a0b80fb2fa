import { join } from "node:path";
import SQLite from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { openConfig, VersionStore } from "../../src/store/versions.ts";
import { scratch } from "./helpers.ts";

function versions(file = ":memory:") {
  const database = openConfig(file);
  onTestFinished(() => void database.close());
  return { database, store: new VersionStore(database) };
}

test("a new table offers the demo and the releases", () => {
  const { store } = versions();
  const rows = store.all();
  expect(
    rows.map(({ name, channel, container, git_tag }) => [name, channel, container, git_tag].join(" ")),
  ).toEqual([
    "demo demo controller-demo demo",
    "latest stable controller-057 v0.5.7",
    "lts lts controller-050 v0.5.0",
    "nightly beta controller-057 v0.5.7",
    "v0.5.0 stable controller-050 v0.5.0",
    "v0.5.4 beta controller-054 v0.5.4",
    "v0.5.5 beta controller-055 v0.5.5",
    "v0.5.6 beta controller-056 v0.5.6",
    "v0.5.7 beta controller-057 v0.5.7",
  ]);
  expect(new Set(rows.map(({ family, dialect }) => `${family} ${dialect}`))).toEqual(
    new Set(["demo current", "kiibohd current"]),
  );
  expect(store.find("lts")).toEqual(rows[2]);
  expect(store.find("v9")).toBeUndefined();
});

test("every version of kiibohd has its release", () => {
  const { store } = versions();
  for (const { git_tag, family } of store.all()) {
    const release = store.release(git_tag ?? "");
    if (family === "demo") expect(release).toBeUndefined();
    else expect(release).toMatchObject({ git_tag, notes: expect.stringContaining(`/tag/${git_tag}`) });
  }
  expect(store.release("v0.5.7")).toMatchObject({
    commits: 1222,
    hash: "e1a1d816199bf54f42432f6d9097171a1614b6a0",
    date: "2020-03-20 20:13:21 -0700",
  });
});

test("an operator's edits outlive a restart", () => {
  const file = join(scratch(), "config.db");
  const first = openConfig(file);
  first.exec("UPDATE Versions SET container = 'controller-056', dialect = 'legacy' WHERE name = 'latest'");
  first.exec("INSERT INTO Versions (name, channel, container) VALUES ('mine', 'own', 'controller-mine')");
  first.exec("UPDATE Releases SET notes = 'https://example.org/' WHERE git_tag = 'v0.5.7'");
  first.close();
  const { store } = versions(file);
  expect(store.find("latest")).toMatchObject({ container: "controller-056", dialect: "legacy" });
  expect(store.find("mine")).toEqual({
    name: "mine",
    channel: "own",
    container: "controller-mine",
    git_tag: null,
    family: "kiibohd",
    dialect: "current",
  });
  expect(store.release("v0.5.7")?.notes).toBe("https://example.org/");
});

test("the predecessor's config.db keeps its rows and gets what it lacks", () => {
  const file = join(scratch(), "config.db");
  const old = new SQLite(file);
  old.exec(`
    CREATE TABLE Versions (name TEXT PRIMARY KEY, channel TEXT, container TEXT, git_tag TEXT);
    INSERT INTO Versions VALUES ('latest', 'stable', 'controller-056', 'v0.5.6'), ('empty', NULL, NULL, NULL)`);
  old.close();
  for (const round of ["first", "second"]) {
    const { store } = versions(file);
    expect(store.find("latest"), round).toEqual({
      name: "latest",
      channel: "stable",
      container: "controller-056",
      git_tag: "v0.5.6",
      family: "kiibohd",
      dialect: "current",
    });
    expect(store.find("demo"), round).toMatchObject({ container: "controller-demo", family: "demo" });
    expect(store.all(), round).toHaveLength(9);
    expect(store.find("empty"), round).toBeUndefined();
  }
});

test("a dialect that does not exist cannot be entered, in a migrated table neither", () => {
  const file = join(scratch(), "config.db");
  const old = new SQLite(file);
  old.exec("CREATE TABLE Versions (name TEXT PRIMARY KEY, channel TEXT, container TEXT, git_tag TEXT)");
  old.close();
  for (const { database } of [versions(), versions(file)]) {
    expect(() => database.exec("UPDATE Versions SET dialect = 'klingon'")).toThrow(/CHECK/);
  }
});
