import { describe, expect, test, vi } from "vitest";
import { newBuildId, testSpec, texts } from "../support/runner.ts";
import { docker, label, run, succeeded, WarmPlaces } from "../support/warmPlaces.ts";

const places = new WarmPlaces();
const promises = ["--label", "kiisrv.done=log"];
const log = ["", "to stderr: grüße", "to stdout: hello"];

async function place() {
  const image = await places.image("done", ...promises);
  const { runner, left } = places.placeForTest();
  const tidy = () => vi.waitFor(async () => expect(await left()).toEqual([]), 10_000);
  return { runner, left, tidy, spec: (command: string) => testSpec(image, [command]) };
}

describe("an image with a last word", () => {
  test("is read when that was said, and removed afterwards", async () => {
    const { runner, left, tidy, spec } = await place();
    const id = newBuildId();
    const result = await run(runner, spec("done_and_on"), { id });
    expect(result).toMatchObject(succeeded);
    expect(result.log.split("\n").sort()).toEqual(log);
    expect(Object.keys(texts(result.outputs))).toEqual(["kiibohd.dfu.bin", "log/build.log"]);
    expect(await left()).toEqual([id, id, id]);
    expect(await runner.reap()).toBe(0);
    await tidy();
  });

  test("is judged by its exit status if it does not say it", async () => {
    const { runner, left, spec } = await place();
    const result = await run(runner, spec("fails"));
    expect(result).toMatchObject({ status: "failed", exitCode: 3, log: "error: it does not compile\n" });
    expect(await left()).toEqual([]);
    const other = await run(runner, spec("done_with_another"));
    expect(other).toMatchObject(succeeded);
    expect(other.log).toContain("kiisrv: done another\n");
  });

  test("is taken at its word, whatever comes after", async () => {
    const { runner, tidy, spec } = await place();
    const result = await run(runner, spec("done_in_vain"));
    expect(result).toMatchObject(succeeded);
    await tidy();
  });

  test("has failed if it says it with no firmware there", async () => {
    const { runner, tidy, spec } = await place();
    const result = await run(runner, spec("done_too_soon"));
    expect(result).toMatchObject({ status: "failed", reason: "Output kiibohd.dfu.bin is missing." });
    await tidy();
  });

  test("shows nothing of the host by what it does afterwards", async () => {
    const { runner, tidy, spec } = await place();
    for (let round = 0; round < 5; round++) {
      const { status, outputs } = await run(runner, spec("done_and_swaps"));
      expect(status).toBe("succeeded");
      const seen = texts(outputs)["log/passwd"];
      expect([undefined, "own\n"]).toContain(seen);
    }
    await tidy();
  });

  test("is cleared away before the runner is closed", async () => {
    const { runner, left, spec } = await place();
    await Promise.all([run(runner, spec("done_and_on")), run(runner, spec("done_and_on"))]);
    expect(await left()).toHaveLength(6);
    await runner.close();
    expect(await left()).toEqual([]);
  });

  test("says it in a container that waited, too", async () => {
    const image = await places.image("done-warm", ...label, ...promises);
    const { runner, watch, left } = places.placeForTest();
    const spec = testSpec(image, ["done_and_on"]);
    const cold = await run(runner, spec);
    await watch.waits();
    const warm = await run(runner, spec);
    expect(watch.taken).toHaveLength(1);
    expect({ ...warm, milliseconds: 0 }).toEqual({ ...cold, milliseconds: 0 });
    const [slot = ""] = await watch.waits();
    await vi.waitFor(async () => expect(await left()).toEqual([slot, slot, slot]), 10_000);
    expect((await docker.getContainer(`kiisrv-${slot}`).inspect()).State.Running).toBe(true);
  });
});
