import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Problem } from "../../src/errors.ts";
import type { BuildOutcome } from "../../src/store/buildRows.ts";
import { maxAttempts } from "../../src/store/buildStatements.ts";
import { BuildStore, openBuilds } from "../../src/store/builds.ts";
import type { Database } from "../../src/store/database.ts";
import { canMount, newBuild, scratch, smallDisk, someKey } from "./helpers.ts";

const artifact = { name: "Demo-Standard-5eed.zip", bytes: 1234, sha256: "ab".repeat(32) };

function outcome(more: Partial<BuildOutcome> = {}): BuildOutcome {
  return { status: "succeeded", milliseconds: 4200, artifact, reason: "", log: "done\n", ...more };
}

/** A store whose clock ticks once a reading, from 1000 on. */
function newStore(database: Database = openBuilds(":memory:")): BuildStore {
  onTestFinished(() => void database.close());
  let time = 1000;
  return new BuildStore(database, () => time++);
}

function finished(store: BuildStore, id: string, more: Partial<BuildOutcome> = {}, key = someKey): void {
  store.create(newBuild(id, { key }));
  store.start(id);
  store.finish(id, outcome(more));
}

test("a build is a row from its request to its outcome", () => {
  const store = newStore();
  const { spec: _, origins: __, ...asked } = newBuild("one");
  store.create(newBuild("one"));
  const queued = {
    ...asked,
    status: "queued",
    attempts: 0,
    created: 1000,
    started: null,
    finished: null,
    milliseconds: null,
    artifact: null,
    reason: "",
    errors: [],
    size: null,
    log: "",
  };
  expect(store.find("one")).toEqual(queued);
  store.start("one");
  expect(store.find("one")).toEqual({ ...queued, status: "running", attempts: 1, started: 1001 });
  store.finish("one", outcome());
  expect(store.find("one")).toEqual({
    ...queued,
    status: "succeeded",
    attempts: 1,
    started: 1001,
    finished: 1002,
    milliseconds: 4200,
    artifact,
    log: "done\n",
  });
  expect(store.find("two")).toBeUndefined();
});

test("a build goes forward only", () => {
  const store = newStore();
  store.create(newBuild("one"));
  expect(() => store.create(newBuild("one"))).toThrow(/UNIQUE/);
  store.start("one");
  expect(() => store.start("one")).toThrow("build one is not queued");
  store.finish("one", outcome({ status: "cancelled", artifact: null }));
  expect(() => store.finish("one", outcome())).toThrow("build one is finished already");
  expect(() => store.requeue("one", "crashed")).toThrow("build one is finished already");
  expect(() => store.start("nobody")).toThrow("build nobody is not queued");
  expect(store.find("one")?.status).toBe("cancelled");
});

test.each([
  ["id", { id: "../one" }],
  ["key", { key: "5eed" }],
])("a build with a bad %s is refused", (_, more) => {
  const store = newStore();
  expect(() => store.create(newBuild("one", more))).toThrow(/CHECK/);
  expect(store.recent(10)).toEqual([]);
});

test("of the log the last 8 KiB are kept", () => {
  const store = newStore();
  finished(store, "one", { log: `${"x".repeat(100_000)}\nerror: é` });
  const log = store.find("one")?.log ?? "";
  expect(Buffer.byteLength(log)).toBe(8192);
  expect(log.endsWith("\nerror: é")).toBe(true);
});

test("the cache answers with the newest outcome that repeats itself and has its artifact", () => {
  const store = newStore();
  const id = (): string | undefined => store.cached(someKey)?.id;
  expect(id()).toBeUndefined();
  finished(store, "slow", { status: "timed-out" });
  finished(store, "big", { status: "limit-exceeded" });
  finished(store, "unwanted", { status: "cancelled" });
  finished(store, "broken", { status: "faulted" });
  finished(store, "empty", { artifact: null });
  finished(store, "other", {}, "0".repeat(64));
  store.create(newBuild("waiting"));
  expect(id()).toBeUndefined();
  finished(store, "bad", {
    status: "failed",
    artifact: { ...artifact, name: "Demo-Standard-5eed_error.zip" },
  });
  expect(id()).toBe("bad");
  finished(store, "good");
  expect(id()).toBe("good");
  expect(store.forget(artifact.name)).toBe(6);
  expect(id()).toBe("bad");
  expect(store.find("good")).toMatchObject({ status: "succeeded", artifact: null });
});

test("what the run told is kept with its outcome", () => {
  const store = newStore();
  const told = {
    reason: "config.custom.0: line 2: no",
    errors: [{ path: "config.custom.0", line: 2, message: "line 2: no" }],
    size: { "kiibohd.dfu.bin": { flash: { used: 1, total: 2 }, ram: { used: 0, total: 3 } } },
  };
  finished(store, "one", { ...told, status: "failed" });
  expect(store.cached(someKey)).toMatchObject(told);
});

test("a database of an older program keeps its builds and learns the new columns", () => {
  const file = join(scratch(), "builds.db");
  const older = openBuilds(file);
  const store = new BuildStore(older);
  finished(store, "done");
  store.create(newBuild("waiting"));
  older.exec(
    ["origins", "errors", "size"].map((name) => `ALTER TABLE Builds DROP COLUMN ${name};`).join("\n"),
  );
  older.close();
  const migrated = newStore(openBuilds(file));
  expect(migrated.cached(someKey)).toMatchObject({ id: "done", errors: [], size: null });
  expect(migrated.interrupted()).toMatchObject([{ id: "waiting" }]);
  expect(migrated.work("waiting")).toMatchObject({ origins: {} });
  finished(migrated, "new", { errors: [{ path: "config", message: "no" }] });
  expect(migrated.find("new")?.errors).toEqual([{ path: "config", message: "no" }]);
});

test("an artifact is known by its name until it is forgotten", () => {
  const store = newStore();
  finished(store, "one", { artifact: { ...artifact, bytes: 1 } });
  finished(store, "two");
  expect(store.artifact(artifact.name)).toEqual(artifact);
  expect(store.artifact("other.zip")).toBeUndefined();
  store.forget(artifact.name);
  expect(store.artifact(artifact.name)).toBeUndefined();
});

test("looking into the cache reads an index, however many builds there are", () => {
  const database = openBuilds(":memory:");
  const store = newStore(database);
  database.exec(`
    WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 20000)
    INSERT INTO Builds (id, key, status, board, layout, version, container, image, client, created, artifact, bytes, sha256)
    SELECT 'b' || n, printf('%064x', n % 5000), 'succeeded', 'Demo', 'A', 'latest', 'c', 'i', 'u', n, 'a' || n || '.zip', 1, 's'
    FROM n`);
  expect(store.cached((7).toString(16).padStart(64, "0"))?.id).toBe("b15007");
  const fastest = (): number => {
    const taken = Array.from({ length: 50 }, (_, n) => {
      const start = performance.now();
      store.cached(String(n).padStart(64, "f"));
      return performance.now() - start;
    });
    return Math.min(...taken);
  };
  const indexed = fastest();
  database.exec("DROP INDEX BuildsCached");
  expect(fastest()).toBeGreaterThan(5 * indexed);
});

test("the newest builds come first", () => {
  const store = newStore();
  for (const id of ["one", "two", "three"]) store.create(newBuild(id));
  expect(store.recent(2).map(({ id }) => id)).toEqual(["three", "two"]);
  expect(store.recent(0)).toEqual([]);
  expect(store.recent(-1)).toEqual([]);
});

test("after a crash the open builds are there with their specs, oldest first", () => {
  const file = join(scratch(), "builds.db");
  const crashed = openBuilds(file);
  const before = newStore(crashed);
  for (const id of ["one", "two", "three"]) before.create(newBuild(id));
  before.start("two");
  before.finish("two", outcome());
  before.start("three");
  const after = newStore(openBuilds(file));
  const left = after.interrupted();
  expect(left.map(({ id, status }) => `${id} ${status}`)).toEqual(["one queued", "three running"]);
  const { spec, origins } = newBuild("three");
  expect(after.work("three")).toEqual({ spec, origins });
  expect(after.work("two")).toBeUndefined();
});

test("a build that is under way at every crash is given up", () => {
  const store = newStore();
  store.create(newBuild("deadly"));
  for (let attempt = 1; attempt < maxAttempts; attempt += 1) {
    store.start("deadly");
    expect(store.requeue("deadly", "crashed")).toBe("queued");
  }
  store.start("deadly");
  expect(store.requeue("deadly", "crashed")).toBe("faulted");
  expect(store.interrupted()).toEqual([]);
  expect(store.find("deadly")).toMatchObject({
    status: "faulted",
    attempts: maxAttempts,
    reason: "broken off 3 times: the server or its Docker daemon stopped while this was built",
  });
});

test("an orderly stop does not count against a build, nor does waiting", () => {
  const store = newStore();
  store.create(newBuild("patient"));
  for (let stop = 0; stop < maxAttempts + 2; stop += 1) {
    expect(store.requeue("patient", "crashed")).toBe("queued");
    store.start("patient");
    expect(store.requeue("patient", "stopped")).toBe("queued");
    expect(store.requeue("patient", "stopped")).toBe("queued");
  }
  expect(store.find("patient")).toMatchObject({ status: "queued", attempts: 0, started: null });
});

test("a finished build lets go of its spec", () => {
  const database = openBuilds(":memory:");
  const store = newStore(database);
  finished(store, "one");
  store.create(newBuild("two"));
  expect(database.prepare("SELECT id FROM Builds WHERE spec IS NOT NULL").all()).toEqual([{ id: "two" }]);
});

test.skipIf(!canMount)("a full disk is a storage problem, and what was stored stays", () => {
  const disk = smallDisk(512 * 1024);
  const store = newStore(openBuilds(join(disk.path, "builds.db")));
  let created = 0;
  const fill = (): void => {
    for (; ; created += 1) store.create(newBuild(`build-${created}`, { board: "x".repeat(5000) }));
  };
  expect(fill).toThrow(
    expect.objectContaining({ code: "storage-failed", message: "the server's disk is full" }),
  );
  expect(fill).toThrow(Problem);
  expect(created).toBeGreaterThan(5);
  expect(store.interrupted()).toHaveLength(created);
});
