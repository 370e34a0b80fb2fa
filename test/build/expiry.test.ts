import { expect, test } from "vitest";
import { type CacheLimits, expired, sacrifice, type UsedArtifact } from "../../src/build/expiry.ts";

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
  // Its last use can be five minutes younger than what was noted of it.
  for (const unused of [minute, 14 * minute]) {
    expect(gone([artifact("large.zip", unused, 1000)], { bytes: 1, count: 1, milliseconds: 1 })).toEqual([]);
  }
  expect(gone([artifact("large.zip", 15 * minute, 1000)], { count: 1, bytes: 1 })).toEqual(["large.zip"]);
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
