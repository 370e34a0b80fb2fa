import { pino } from "pino";
import { expect, test } from "vitest";
import { DiskGuard, type DiskGuardParts } from "../../src/build/diskGuard.ts";
import type { FreeSpace } from "../../src/store/disk.ts";
import { differentRequest, eventually, openHouse, requester } from "../support/app.ts";

const mebibyte = 1024 * 1024;

function guard(more: Partial<DiskGuardParts> = {}) {
  const state = { bytes: 1e12, files: 1e9, now: 0, looks: 0, logged: [] as { level: number; msg: string }[] };
  const disk = new DiskGuard({
    places: [{ name: "KIISRV_DATA", directory: "/data" }],
    minimum: { bytes: 256 * mebibyte, files: 1000 },
    async measure() {
      state.looks++;
      return { device: 1, bytes: state.bytes, files: state.files };
    },
    remedies: [],
    logger: pino({}, { write: (line) => state.logged.push(JSON.parse(line)) }),
    clock: () => state.now,
    ...more,
  });
  return { disk, state };
}

test("says what is short, of space and of files, and looks again after two seconds", async () => {
  const { disk, state } = guard();
  expect(await disk.shortage()).toBeUndefined();
  state.bytes = 12.5 * mebibyte;
  expect(await disk.reason()).toBeUndefined();
  state.now += 2000;
  expect(await disk.reason()).toBe("the disk of KIISRV_DATA has 12 MiB left, less than 256 MiB");
  expect(await disk.shortage()).toMatchObject({ code: "storage-low", status: 503, retryAfter: 60 });
  expect((await disk.shortage())?.message).not.toMatch(/KIISRV|\//);
  state.now += 2000;
  Object.assign(state, { bytes: 1e12, files: 7 });
  expect(await disk.reason()).toBe("the disk of KIISRV_DATA has room for 7 files left, less than 1000");
  state.now += 2000;
  state.files = 1e9;
  expect(await disk.reason()).toBeUndefined();
});

test("asks once for all who ask at the same time, and tells of a change once", async () => {
  const { disk, state } = guard();
  state.bytes = 0;
  await Promise.all(Array.from({ length: 50 }, () => disk.shortage()));
  expect(state.looks).toBe(1);
  state.now += 2000;
  await disk.shortage();
  expect(state.logged.map(({ msg }) => msg)).toEqual(["no builds for want of disk space"]);
  state.bytes = 1e12;
  state.now += 2000;
  await disk.shortage();
  expect(state.logged.map(({ msg }) => msg)).toEqual([
    "no builds for want of disk space",
    "there is disk space again: builds go on",
  ]);
});

test("a disk that hangs keeps nobody waiting for long, is asked once, and counts as it was", async () => {
  const answers: PromiseWithResolvers<FreeSpace>[] = [];
  const { disk, state } = guard({
    measure() {
      const answer = Promise.withResolvers<FreeSpace>();
      answers.push(answer);
      return answer.promise;
    },
  });
  expect(await disk.reason()).toBeUndefined();
  state.now += 2000;
  expect(await disk.reason()).toBeUndefined();
  expect(answers).toHaveLength(1);
  expect(state.logged.map(({ msg }) => msg)).toEqual(["a disk does not say what is left on it"]);

  answers[0]?.resolve({ device: 1, bytes: 0, files: 1e9 });
  await new Promise(setImmediate);
  state.now += 2000;
  expect(await disk.reason()).toContain("KIISRV_DATA has 0 MiB left");
  expect(answers.length).toBeGreaterThan(1);
});

test("tries its remedies before it refuses, in order, and no more than needed", async () => {
  const tried: string[] = [];
  const { disk, state } = guard({
    remedies: [
      async () => {
        tried.push("sweep");
        throw new Error("a broken remedy");
      },
      async ({ bytes, device }) => {
        tried.push(`free ${bytes} of ${device}`);
        state.bytes += bytes;
      },
      async () => void tried.push("too much"),
    ],
  });
  state.bytes = 255 * mebibyte;
  expect(await disk.shortage()).toBeUndefined();
  expect(tried).toEqual(["sweep", `free ${mebibyte} of 1`]);
});

test("remedies that do not help are left alone for a minute", async () => {
  let tried = 0;
  const { disk, state } = guard({ remedies: [async () => void tried++] });
  state.bytes = 0;
  for (let seconds = 0; seconds < 60; seconds += 2) {
    state.now = seconds * 1000;
    expect(await disk.shortage()).toBeDefined();
  }
  expect(tried).toBe(1);
  state.now = 60_000;
  await disk.shortage();
  expect(tried).toBe(2);
});

test("a disk that cannot be measured does not stop builds", async () => {
  const { disk } = guard({ measure: () => Promise.reject(new Error("EIO")) });
  expect(await disk.shortage()).toBeUndefined();
});

test("new builds are refused, cached answers are not; what waits goes on when there is space", async () => {
  const house = openHouse({ concurrency: 1 });
  const build = (number: number) => house.service.build(differentRequest(number), requester());
  house.runner.onRun = (run) => run.end();
  await build(1);
  house.runner.onRun = undefined;
  const first = build(2);
  const run = await eventually(() => house.runner.runs[1]);
  const waiting = build(3);
  const refusal = expect(waiting).rejects.toMatchObject({ code: "storage-low" });
  await eventually(() => house.queue.size.waiting === 1);

  house.free.bytes = 0;
  house.clock.now += 2000;
  await expect(build(4)).rejects.toMatchObject({ code: "storage-low", status: 503 });
  expect((await build(1)).cached).toBe(true);
  (run as { end(): void }).end();
  expect((await first).success).toBe(true);
  await refusal;
  expect(house.builds.interrupted()).toMatchObject([{ status: "queued", attempts: 0 }]);
  expect(house.runner.runs).toHaveLength(2);
  await house.service.recover();
  expect(house.runner.runs).toHaveLength(2);

  house.free.bytes = 1e12;
  house.clock.now += 2000;
  house.runner.onRun = (one) => one.end();
  // Nobody asks: it goes on by itself.
  await eventually(() => house.builds.interrupted().length === 0);
  expect((await build(3)).cached).toBe(true);
});
