import { expect, test } from "vitest";
import { Background } from "../../src/runner/background.ts";

test("settles when all of it is over, what was begun meanwhile too", async () => {
  const background = new Background();
  await background.settled();
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  background.add(first.promise.then(() => background.add(second.promise)));
  expect(background.size).toBe(1);
  let settled = false;
  const settling = background.settled().then(() => {
    settled = true;
  });
  first.resolve();
  await first.promise;
  await new Promise(setImmediate);
  expect({ settled, size: background.size }).toEqual({ settled: false, size: 1 });
  second.resolve();
  await settling;
  expect(background.size).toBe(0);
});
