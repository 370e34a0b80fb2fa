import {
  chownSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { backUpToFile } from "../../src/backup/backup.ts";
import { LayoutHistory } from "../../src/layout/history.ts";
import { lockDirectory } from "../../src/store/lock.ts";
import { installation } from "../../src/store/meta.ts";
import {
  differentRequest,
  eventually,
  type House,
  openHouse,
  repositoryLayouts,
  requester,
  temporaryDirectory,
} from "../support/app.ts";
import { backUp, backupOrder, restoreTo } from "../support/backups.ts";
import { sync, tiny, Upstream } from "../support/upstream.ts";

// A busy machine may take its time.
vi.setConfig({ testTimeout: 60_000 });

/** A house with its own layouts, synced ones, and a number of builds, every third of which failed. */
async function busyHouse(builds: number): Promise<House> {
  const directory = temporaryDirectory();
  const layouts = join(directory, "own");
  cpSync(repositoryLayouts, layouts, { recursive: true, verbatimSymlinks: true });
  writeFileSync(join(layouts, "Mine-Base.json"), tiny("Base"));
  symlinkSync("Mine-Base.json", join(layouts, "Alias-Base.json"));
  writeFileSync(join(layouts, "notes.txt"), "no layout");
  await sync(join(directory, "layouts"), (await Upstream.create()).directory);
  const house = openHouse({ directory, layouts });
  house.databases.config.exec("INSERT INTO Versions (name, container) VALUES ('mine', 'controller-mine')");
  let runs = 0;
  house.runner.onRun = (run) => run.end(++runs % 3 === 0 ? { status: "failed", exitCode: 2 } : {});
  for (let number = 0; number < builds; number++) await build(house, number);
  await eventually(() => house.stats.summary().builds === builds);
  return house;
}

function build(house: House, number: number) {
  return house.service.build(differentRequest(number), requester(`client-${number % 3}`));
}

function reopen(directory: string): House {
  const house = openHouse({ directory, layouts: join(directory, "own") });
  house.runner.onRun = (run) => run.end();
  return house;
}

test("elsewhere it answers as it did: zips byte for byte, statistics, versions, layouts and their history", async () => {
  const house = await busyHouse(7);
  const answers = await Promise.all(Array.from({ length: 7 }, (_, number) => build(house, number)));
  await eventually(() => house.stats.summary().builds === 14);
  const target = temporaryDirectory();
  const summary = await restoreTo(target, await backUp(house.directory));
  expect(summary).toMatchObject({ builds: 7, artifacts: 7, missing: 0, aside: undefined });

  const restored = reopen(target);
  expect(restored.stats.summary()).toEqual(house.stats.summary());
  for (const [number, { fileName, success, outcome }] of answers.entries()) {
    expect(await build(restored, number)).toMatchObject({ fileName, success, outcome, cached: true });
    const [was, is] = [house, restored].map(({ artifactDirectory }) =>
      readFileSync(join(artifactDirectory, fileName)),
    );
    expect(is?.equals(was ?? Buffer.alloc(0))).toBe(true);
    expect(statSync(join(target, "artifacts", fileName)).mtimeMs).toBeCloseTo(
      statSync(join(house.artifactDirectory, fileName)).mtimeMs,
      -4,
    );
  }
  expect(restored.runner.runs).toEqual([]);
  expect(restored.versions.find("mine")).toMatchObject({ container: "controller-mine" });
  expect(restored.library.view().names()).toEqual(house.library.view().names());
  expect(restored.library.read("Alias-Base.json")?.bytes.toString()).toBe(tiny("Base"));
  expect(restored.synced.current()?.source).toEqual(house.synced.current()?.source);
  const history = new LayoutHistory(join(target, "own"), restored.synced);
  expect((await history.readAt("main", "Tiny-One.json")).toString()).toBe(tiny("One"));
  expect(readdirSync(join(target, "own"))).not.toContain("notes.txt");
});

test("without artifacts no answer names a zip that is not there", async () => {
  const house = await busyHouse(3);
  const target = temporaryDirectory();
  const file = await backUp(house.directory, { withArtifacts: false });
  expect(await restoreTo(target, file)).toMatchObject({ builds: 3, artifacts: 0, missing: 3 });
  const restored = reopen(target);
  const { fileName, cached } = await build(restored, 0);
  expect(cached).toBe(false);
  expect(await restored.artifacts.find(fileName)).toBeDefined();
});

test("where the zips still are, the cache is whole, but for one that is not what it was", async () => {
  const house = await busyHouse(3);
  const file = await backUp(house.directory, { withArtifacts: false });
  const [first = ""] = readdirSync(house.artifactDirectory);
  const length = statSync(join(house.artifactDirectory, first)).size;
  writeFileSync(join(house.artifactDirectory, first), Buffer.alloc(length));
  for (const database of Object.values(house.databases)) database.close();
  const summary = await restoreTo(house.directory, file, { replace: true });
  expect(summary).toMatchObject({ builds: 3, artifacts: 2, missing: 1 });
});

test("a zip that goes while it is backed up is struck from the backup, not missed in it", async () => {
  const house = await busyHouse(4);
  const [gone = "", replaced = ""] = readdirSync(house.artifactDirectory);
  const file = await backUp(house.directory, {
    onProgress(line) {
      if (!line.startsWith("adding artifacts")) return;
      rmSync(join(house.artifactDirectory, gone));
      writeFileSync(join(house.artifactDirectory, replaced), "another");
    },
  });
  const target = temporaryDirectory();
  expect(await restoreTo(target, file)).toMatchObject({ builds: 4, artifacts: 2, missing: 0 });
});

test("a build that was under way is taken up again", async () => {
  const house = await busyHouse(1);
  house.runner.onRun = undefined;
  const under = build(house, 77);
  const run = await eventually(() => house.runner.runs[1]);
  const file = await backUp(house.directory);
  const target = temporaryDirectory();
  await restoreTo(target, file);
  const elsewhere = reopen(target);
  expect(elsewhere.builds.interrupted()).toHaveLength(1);
  await elsewhere.service.recover();
  await eventually(() => elsewhere.builds.interrupted().length === 0);
  expect((await build(elsewhere, 77)).cached).toBe(true);
  (run as { end(): void }).end();
  await under;
});

test("a backup is its owner's alone, and all there is of it is one file", async () => {
  const house = await busyHouse(1);
  const place = temporaryDirectory();
  const file = join(place, "backup.tar.gz");
  mkdirSync(join(place, ".kiisrv-backup-killed"));
  writeFileSync(join(place, ".kiisrv-backup-killed", "builds.db"), "half");
  await backUpToFile(backupOrder(house.directory), file, false);
  expect(readdirSync(place)).toEqual(["backup.tar.gz"]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await expect(backUpToFile(backupOrder(house.directory), file, false)).rejects.toThrow(
    /there already; --force/,
  );
  const before = readFileSync(file);
  await backUpToFile(backupOrder(house.directory, { withArtifacts: false }), file, true);
  expect(readFileSync(file).equals(before)).toBe(false);
});

test("a file that appears while it is backed up is not replaced, unless that was said", async () => {
  const house = await busyHouse(1);
  const file = join(temporaryDirectory(), "backup.tar.gz");
  const order = backupOrder(house.directory, { onProgress: () => writeFileSync(file, "mine") });
  await expect(backUpToFile(order, file, false)).rejects.toThrow(/there already; --force/);
  expect(readFileSync(file, "utf8")).toBe("mine");
  await backUpToFile(order, file, true);
  expect(readFileSync(file, "utf8")).not.toBe("mine");
});

test("what only looks like the leftovers of a backup is not touched", async () => {
  const house = await busyHouse(1);
  const place = temporaryDirectory();
  writeFileSync(join(place, ".kiisrv-backup-notes"), "mine");
  const elsewhere = temporaryDirectory();
  writeFileSync(join(elsewhere, "lock.db"), "not a database, so that nobody can ask it");
  symlinkSync(elsewhere, join(place, ".kiisrv-backup-link"));
  mkdirSync(join(place, ".kiisrv-backup-other"));
  if (process.getuid?.() === 0) chownSync(join(place, ".kiisrv-backup-other"), 4711, 4711);
  else rmSync(join(place, ".kiisrv-backup-other"), { recursive: true });
  const before = readdirSync(place);
  await backUpToFile(backupOrder(house.directory), join(place, "backup.tar.gz"), false);
  expect(readdirSync(place).sort()).toEqual([...before, "backup.tar.gz"].sort());
});

test("a backup that is broken off leaves nothing", async () => {
  const house = await busyHouse(2);
  const [place, interrupt] = [temporaryDirectory(), new AbortController()];
  const broken = backUpToFile(
    backupOrder(house.directory, {
      signal: interrupt.signal,
      onProgress: (line) => line.startsWith("adding artifacts") && interrupt.abort(new Error("enough")),
    }),
    join(place, "backup.tar.gz"),
    false,
  );
  await expect(broken).rejects.toThrow("enough");
  expect(readdirSync(place)).toEqual([]);
});

test("there is nothing to back up where no server has been", async () => {
  const place = temporaryDirectory();
  await expect(backUp(place)).rejects.toThrow(/holds no builds\.db/);
  expect(readdirSync(place)).toEqual([]);
});

test("data that is there is replaced only if that is said, and kept", async () => {
  const house = await busyHouse(2);
  const { instance } = installation(house.databases.builds);
  const file = await backUp(house.directory);
  await build(house, 50);
  writeFileSync(join(house.directory, "own", "Mine-Base.json"), tiny("Newer"));
  for (const database of Object.values(house.databases)) database.close();
  await expect(restoreTo(house.directory, file)).rejects.toThrow(/holds .*builds\.db, config\.db, .*--force/);

  const lock = lockDirectory(house.directory);
  await expect(restoreTo(house.directory, file, { replace: true })).rejects.toThrow(
    /a server uses .*; stop it/,
  );
  lock.release();

  const { aside = "" } = await restoreTo(house.directory, file, { replace: true });
  expect(readdirSync(aside)).toEqual(
    expect.arrayContaining(["builds.db", "config.db", "layouts", "own-layouts", "stats.db"]),
  );
  expect(readFileSync(join(aside, "own-layouts", "Mine-Base.json"), "utf8")).toBe(tiny("Newer"));
  const restored = reopen(house.directory);
  expect(restored.library.read("Mine-Base.json")?.bytes.toString()).toBe(tiny("Base"));
  expect(restored.builds.recent(10)).toHaveLength(2);
  // The containers of this place are still its own to clear up.
  expect(installation(restored.databases.builds).instance).toBe(instance);
});

test("in another place it is another installation, with the same key for addresses", async () => {
  const house = await busyHouse(1);
  const { instance, secret } = installation(house.databases.builds);
  const target = temporaryDirectory();
  await restoreTo(target, await backUp(house.directory));
  const restored = installation(reopen(target).databases.builds);
  expect(restored.secret.equals(secret)).toBe(true);
  expect(restored.instance).not.toBe(instance);
});

test("a database that is damaged is no obstacle to its replacement", async () => {
  const house = await busyHouse(1);
  const target = temporaryDirectory();
  writeFileSync(join(target, "builds.db"), "no database at all");
  await restoreTo(target, await backUp(house.directory), { replace: true });
  expect(reopen(target).builds.recent(10)).toHaveLength(1);
});
