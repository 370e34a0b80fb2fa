import { once } from "node:events";
import { expect, test } from "vitest";
import { spawnScript } from "../support/child.ts";

const hangs = `
  import { interruptible } from "./src/cli/interrupt.ts";
  setInterval(() => {}, 1000);
  await interruptible(async (signal) => {
    signal.addEventListener("abort", () => console.log("clears up, for ever"));
    console.log("works");
    await new Promise(() => {});
  });
`;

test("the second ^C ends what the first one could not", async () => {
  const child = spawnScript(hangs);
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  child.kill("SIGINT");
  expect(String(await once(child.stdout, "data"))).toContain("clears up");
  child.kill("SIGINT");
  expect(await ended).toEqual([null, "SIGINT"]);
});
