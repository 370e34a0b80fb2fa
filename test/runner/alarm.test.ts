import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Alarm } from "../../src/runner/alarm.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("of several times asked for the first counts, in whatever order, and it rings once", () => {
  const ring = vi.fn();
  const alarm = new Alarm(ring);
  alarm.set(1000);
  alarm.set(100);
  alarm.set(500);
  vi.advanceTimersByTime(99);
  expect(ring).not.toHaveBeenCalled();
  vi.advanceTimersByTime(10_000);
  expect(ring).toHaveBeenCalledTimes(1);
});

test("whoever asks again and again does not put it off", () => {
  const ring = vi.fn();
  const alarm = new Alarm(ring);
  for (let step = 0; step < 20; step++) {
    alarm.set(100);
    vi.advanceTimersByTime(50);
  }
  expect(ring).toHaveBeenCalledTimes(10);
});

test("it can be set while it rings", () => {
  const times: number[] = [];
  const alarm = new Alarm(() => {
    times.push(performance.now());
    if (times.length < 3) alarm.set(100);
  });
  const started = performance.now();
  alarm.set(100);
  vi.advanceTimersByTime(1000);
  expect(times.map((time) => time - started)).toEqual([100, 200, 300]);
});

test("one that was stopped is silent until it is set again", () => {
  const ring = vi.fn();
  const alarm = new Alarm(ring);
  alarm.set(100);
  alarm.stop();
  vi.advanceTimersByTime(1000);
  expect(ring).not.toHaveBeenCalled();
  alarm.set(200);
  vi.advanceTimersByTime(200);
  expect(ring).toHaveBeenCalledTimes(1);
});
