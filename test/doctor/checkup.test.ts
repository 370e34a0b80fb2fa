import { expect, test } from "vitest";
import type { Status } from "../../src/doctor/check.ts";
import { Checkup } from "../../src/doctor/checkup.ts";
import type { Examined } from "../../src/doctor/examine.ts";

function examined(status: Status): Examined {
  const texts = { found: "/a/path", why: "because", mend: "do this" };
  return { id: "machine.git", group: "machine", title: "git is there", status, ...texts };
}

/** A checkup that finds what the test says, and a clock that the test moves. */
function open() {
  const state = { finds: [examined("fail")], now: 0, looks: [] as boolean[], logged: [] as string[] };
  const log = (level: string) => (_: object, message: string) => state.logged.push(`${level} ${message}`);
  const checkup = new Checkup({
    async look(whole) {
      state.looks.push(whole);
      return state.finds;
    },
    logger: { warn: log("warn"), info: log("info"), error: log("error") },
    clock: () => state.now,
  });
  return { state, checkup };
}

/** Lets a look that is under way come to its end. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test("nothing is known before the first look; then ids and titles, without details", async () => {
  const { checkup } = open();
  expect(checkup.problems()).toBeNull();
  await checkup.start(true);
  expect(checkup.problems()).toEqual([{ id: "machine.git", title: "git is there", status: "fail" }]);
});

test("asking often costs nothing; when what is known is old, it is looked at in the background", async () => {
  const { state, checkup } = open();
  await checkup.start(true);
  for (let time = 0; time < 300_000; time += 1000) {
    state.now = time;
    checkup.problems();
  }
  expect(state.looks).toEqual([true]);
  state.now = 300_001;
  state.finds = [examined("ok")];
  expect(checkup.problems()).toHaveLength(1);
  await settle();
  expect(checkup.problems()).toEqual([]);
  expect(state.looks).toEqual([true, false]);
});

test("a problem is logged once, and when it is mended", async () => {
  const { state, checkup } = open();
  await checkup.start(true);
  await checkup.start(true);
  state.finds = [examined("ok")];
  await checkup.start(true);
  expect(state.logged).toEqual(["warn not so: git is there", "info mended: git is there"]);
});

test("what a later look leaves out is as it was", async () => {
  const { state, checkup } = open();
  await checkup.start(true);
  state.finds = [examined("skip")];
  await checkup.start(false);
  expect(checkup.problems()).toHaveLength(1);
});

test("after the stop nothing is looked at", async () => {
  const { state, checkup } = open();
  await checkup.stop();
  await checkup.start(true);
  expect(state.looks).toEqual([]);
});
