import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import {
  type CacheLimits,
  expired,
  type KeepLimits,
  sacrifice,
  type UsedArtifact,
} from "../../src/build/expiry.ts";
import { Retention } from "../../src/build/retention.ts";
import { differentRequest, eventually, type House, openHouse, requester } from "../support/app.ts";

const minute = 60_000;
const day = 24 * 60 * minute;
const now = 1_800_000_000_000;
const key = "0123456789abcdef".repeat(4);
const unlimited: CacheLimits = { bytes: 0, count: 0, milliseconds: 0 };

function artifact(name: string, unused: number, bytes = 100): UsedArtifact {
  return { name, bytes, published: now - 500 * day, used: now - unused };
}

function gone(
  artifacts: UsedArtifact[],
  firmware: Partial<CacheLimits> = {},
  failures: Partial<CacheLimits> = {},
): string[] {
  const limits = { firmware: { ...unlimited, ...firmware }, failures: { ...unlimited, ...failures } };
  return expired(artifacts, limits, now).map(({ name }) => name);
}

const three = [artifact("new.zip", day), artifact("oldest.zip", 3 * day), artifact("older.zip", 2 * day)];

test("without limits all is kept", () => {
  expect(
    gone([artifact(`A-B-${key}.zip`, 400 * day, 1e12), artifact(`A-C-${key}_error.zip`, 400 * day)]),
  ).toEqual([]);
});

test("what was not asked for longest goes, until the rest keeps to its size, its number and its age", () => {
  expect(gone(three, { bytes: 300, count: 3, milliseconds: 3 * day })).toEqual([]);
  expect(gone(three, { bytes: 299 })).toEqual(["oldest.zip"]);
  expect(gone(three, { bytes: 100 })).toEqual(["oldest.zip", "older.zip"]);
  expect(gone(three, { count: 1 })).toEqual(["oldest.zip", "older.zip"]);
  expect(gone(three, { milliseconds: 2.5 * day })).toEqual(["oldest.zip"]);
  expect(gone(three, { count: 2, milliseconds: 1.5 * day })).toEqual(["oldest.zip", "older.zip"]);
});

test("failures have limits of their own", () => {
  const both = [artifact(`A-B-${key}.zip`, 5 * day), artifact(`A-B-${key}_error.zip`, 5 * day)];
  expect(gone(both, { milliseconds: day })).toEqual([`A-B-${key}.zip`]);
  expect(gone(both, {}, { milliseconds: day })).toEqual([`A-B-${key}_error.zip`]);
});

test("never what was asked for just now", () => {
  expect(gone([artifact("large.zip", minute, 1000)], { bytes: 1, count: 1, milliseconds: 1 })).toEqual([]);
});

test("outcomes that do not repeat themselves go after a day, whatever room there is", () => {
  const timedOut = { ...artifact(`A-B-${key}0a1b2c3d_error.zip`, minute), published: now - 2 * day };
  const young = { ...artifact(`A-C-${key}0a1b2c3d_error.zip`, minute), published: now - minute };
  expect(gone([timedOut, artifact(`A-B-${key}_error.zip`, 2 * day), young])).toEqual([timedOut.name]);
});

test("for room on the disk as few go as are enough, and none if all are not", () => {
  const names = (bytes: number, files: number) =>
    sacrifice(three, { bytes, files }, now).map(({ name }) => name);
  expect(names(150, 0)).toEqual(["oldest.zip", "older.zip"]);
  expect(names(0, 1)).toEqual(["oldest.zip"]);
  expect(names(300, 3)).toHaveLength(3);
  expect(names(301, 0)).toEqual([]);
  expect(sacrifice([...three, artifact("hot.zip", minute, 1000)], { bytes: 301, files: 0 }, now)).toEqual([]);
});

/** Builds of this house, made `age` ago and not asked for since. */
async function built(house: House, numbers: number[], age: number): Promise<string[]> {
  house.runner.onRun = (run) => run.end();
  const names: string[] = [];
  for (const number of numbers) {
    const { fileName } = await house.service.build(differentRequest(number), requester());
    const then = (Date.now() - age) / 1000;
    utimesSync(join(house.artifactDirectory, fileName), then, then);
    names.push(fileName);
  }
  house.uses.flush();
  return names;
}

function keep(house: House, limits: Partial<KeepLimits>): Retention {
  return new Retention(house, { firmware: unlimited, failures: unlimited, rows: unlimited, ...limits });
}

test("a use is remembered, and counts more than age", async () => {
  const house = openHouse();
  const [old = ""] = await built(house, [1], 9 * day);
  const [newer = ""] = await built(house, [2], 5 * day);
  expect((await house.service.build(differentRequest(1), requester())).cached).toBe(true);
  const retention = keep(house, { firmware: { ...unlimited, count: 1 } });
  await retention.sweep();
  expect(readdirSync(house.artifactDirectory)).toEqual([old]);
  expect(await house.artifacts.find(newer)).toBeUndefined();
  expect((await house.service.build(differentRequest(2), requester())).cached).toBe(false);
});

test("rows go when their zip is gone and their time is over, but never that of a build under way", async () => {
  const house = openHouse();
  await built(house, [1, 2, 3], 9 * day);
  house.runner.onRun = undefined;
  const under = house.service.build(differentRequest(4), requester());
  await eventually(() => house.runner.runs.length === 4);
  const retention = keep(house, {
    firmware: { ...unlimited, count: 1 },
    rows: { count: 1, milliseconds: 0 },
  });
  await retention.sweep();
  const rows = house.builds.recent(10);
  expect(rows.map(({ status, artifact }) => [status, artifact !== null])).toEqual([
    ["running", false],
    ["succeeded", true],
    ["succeeded", false],
  ]);
  await sleep(5);
  await keep(house, { rows: { count: 0, milliseconds: 1 } }).sweep();
  expect(house.builds.recent(10)).toHaveLength(2);
  house.runner.runs[3]?.end();
  expect((await under).success).toBe(true);
});

test("room is made of what is used least, and answers go on", async () => {
  const house = openHouse();
  const [old = "", newer = ""] = await built(house, [1, 2], 9 * day);
  await house.service.build(differentRequest(2), requester());
  house.uses.flush();
  await keep(house, {}).makeRoom({ bytes: 1, files: 1 });
  expect(readdirSync(house.artifactDirectory)).toEqual([newer]);
  const again = await house.service.build(differentRequest(1), requester());
  expect(again).toMatchObject({ cached: false, fileName: old });
});

test("a stop waits for what is under way, and nothing is touched afterwards", async () => {
  const house = openHouse();
  await built(house, [1, 2], 9 * day);
  const retention = keep(house, { firmware: { ...unlimited, count: 1 } });
  void retention.start();
  await retention.stop();
  const left = readdirSync(house.artifactDirectory);
  await retention.sweep();
  expect(readdirSync(house.artifactDirectory)).toEqual(left);
});
