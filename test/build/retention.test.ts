import { readdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { CacheLimits, KeepLimits } from "../../src/build/expiry.ts";
import { Retention } from "../../src/build/retention.ts";
import { differentRequest, eventually, type House, openHouse, requester } from "../support/app.ts";

const day = 24 * 60 * 60 * 1000;
const unlimited: CacheLimits = { bytes: 0, count: 0, milliseconds: 0 };

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
