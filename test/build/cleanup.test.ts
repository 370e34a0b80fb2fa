import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type CleanupParts, carryOut, planCleanup } from "../../src/build/cleanup.ts";
import { differentRequest, eventually, type House, openHouse, requester } from "../support/app.ts";
import { daemonAway } from "../support/scripted-runner.ts";

const day = 24 * 60 * 60 * 1000;
const unlimited = { bytes: 0, count: 0, milliseconds: 0 };

function age(path: string, milliseconds = day): void {
  const then = (Date.now() - milliseconds) / 1000;
  utimesSync(path, then, then);
}

function parts(house: House, more: Partial<CleanupParts> = {}): CleanupParts {
  return {
    artifacts: house.artifacts,
    builds: house.builds,
    limits: { firmware: unlimited, failures: unlimited, rows: unlimited },
    workspaces: [join(house.directory, "config"), join(house.directory, "outputs")],
    buildsInContainers: async () => new Set(),
    ...more,
  };
}

/** A directory of a build, as old as can be. */
function directoryOf(house: House, id: string, workspace = "outputs"): string {
  const path = join(house.directory, workspace, id);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "kiibohd.dfu.bin"), Buffer.alloc(100));
  age(path);
  return path;
}

test("what is left behind is found and removed, and nothing else", async () => {
  const house = openHouse();
  house.runner.onRun = (run) => run.end();
  const build = (number: number) => house.service.build(differentRequest(number), requester());
  const [kept, lost] = [await build(1), await build(2)];
  rmSync(join(house.artifactDirectory, lost.fileName));
  house.runner.onRun = undefined;
  const under = build(3);
  await eventually(() => house.runner.runs.length === 3);
  const [running = ""] = house.runner.runs.slice(2).map(({ id }) => id);

  const inArtifacts = (name: string, old: boolean) => {
    const path = join(house.artifactDirectory, name);
    writeFileSync(path, "12345");
    if (old) age(path);
  };
  inArtifacts("A-Stray-00.zip", true);
  inArtifacts("A-Young-00.zip", false);
  inArtifacts(".tmp-old", true);
  inArtifacts(".tmp-young", false);
  inArtifacts("operators notes.txt", true);
  age(join(house.artifactDirectory, kept.fileName));
  const dead = [directoryOf(house, randomUUID()), directoryOf(house, `${randomUUID()}-0a1b2c3d`, "config")];
  const waiting = randomUUID();
  const alive = [directoryOf(house, running), directoryOf(house, waiting), directoryOf(house, "not-ours")];
  const young = directoryOf(house, randomUUID());
  age(young, 1000);

  const all = parts(house, { buildsInContainers: async () => new Set([waiting]) });
  const look = () => planCleanup(all, Date.now());
  const before = readdirSync(house.directory, { recursive: true }).sort();
  const plan = await look();
  expect(await look()).toEqual(plan);
  expect(readdirSync(house.directory, { recursive: true }).sort()).toEqual(before);
  expect({
    strays: plan.strays.map(({ name, bytes }) => [name, bytes]),
    unfinished: plan.unfinished.map(({ name }) => name),
    missing: plan.missing,
    directories: plan.directories.map(({ path, bytes }) => [path, bytes]).sort(),
    expired: plan.expired,
    rows: plan.rows,
    notes: plan.notes,
  }).toEqual({
    strays: [["A-Stray-00.zip", 5]],
    unfinished: [".tmp-old"],
    missing: [lost.fileName],
    directories: dead.map((path) => [path, 100]).sort(),
    expired: [],
    rows: 0,
    notes: [],
  });

  await carryOut(plan, all);
  expect(readdirSync(house.artifactDirectory).sort()).toEqual(
    [".tmp-young", "A-Young-00.zip", kept.fileName, "operators notes.txt"].sort(),
  );
  expect([alive, young].flat().every((path) => readdirSync(path).length === 1)).toBe(true);
  expect(dead.filter((path) => existsSync(path))).toEqual([]);
  expect([...house.builds.uses().keys()]).toEqual([kept.fileName]);
  expect((await build(1)).cached).toBe(true);
  house.runner.runs[2]?.end();
  expect((await under).success).toBe(true);
});

test("limits are applied, to what is used least", async () => {
  const house = openHouse();
  house.runner.onRun = (run) => run.end();
  for (const number of [1, 2, 3]) {
    const { fileName } = await house.service.build(differentRequest(number), requester());
    age(join(house.artifactDirectory, fileName), (9 - number) * day);
  }
  const limits = { firmware: { ...unlimited, count: 1 }, failures: unlimited, rows: unlimited };
  const plan = await planCleanup(parts(house, { limits }), Date.now());
  expect(plan.expired).toHaveLength(2);
  await carryOut(plan, parts(house));
  expect((await house.service.build(differentRequest(3), requester())).cached).toBe(true);
  expect((await house.service.build(differentRequest(1), requester())).cached).toBe(false);
});

test("while the daemon is away no directory is touched", async () => {
  const house = openHouse();
  directoryOf(house, randomUUID());
  const away = parts(house, { buildsInContainers: () => Promise.reject(daemonAway()) });
  const plan = await planCleanup(away, Date.now());
  expect(plan.directories).toEqual([]);
  expect(plan.notes).toEqual([expect.stringMatching(/left alone, as any may be in use: .*daemon/)]);
});

test("a zip that was built again after the plan is not forgotten", async () => {
  const house = openHouse();
  house.runner.onRun = (run) => run.end();
  const { fileName } = await house.service.build(differentRequest(1), requester());
  rmSync(join(house.artifactDirectory, fileName));
  const plan = await planCleanup(parts(house), Date.now());
  expect(plan.missing).toEqual([fileName]);
  await house.service.build(differentRequest(1), requester());
  await carryOut(plan, parts(house));
  expect((await house.service.build(differentRequest(1), requester())).cached).toBe(true);
});
