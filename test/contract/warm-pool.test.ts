import type { ContainerInspectInfo } from "dockerode";
import { describe, expect, test, vi } from "vitest";
import { removeImage } from "../support/images.ts";
import { newBuildId, testSpec } from "../support/runner.ts";
import { docker, hour, label, run, succeeded, WarmPlaces } from "../support/warmPlaces.ts";

const places = new WarmPlaces();

describe("a container that waits", () => {
  test("is used once", async () => {
    const { runner, watch, left } = places.placeForTest();
    await run(runner, places.well());
    const [first = ""] = await watch.waits();
    expect(await run(runner, places.well())).toMatchObject(succeeded);
    const [second] = await watch.waits();
    expect(watch.taken).toEqual([first]);
    expect(second).not.toBe(first);
    expect(await left()).toEqual([second, second, second]);
  });

  test("gives what a cold one gives: outputs and log, byte for byte", async () => {
    const { runner, watch } = places.placeForTest();
    const cold = await run(runner, testSpec(places.hostile, ["sandbox"]));
    await watch.waits();
    const warm = await run(runner, testSpec(places.hostile, ["sandbox"]));
    expect(watch.taken).toHaveLength(1);
    expect({ ...warm, milliseconds: 0 }).toEqual({ ...cold, milliseconds: 0 });
  });

  test("counts the time of its build from when that came", async () => {
    const { runner, watch } = places.placeForTest();
    await run(runner, places.well());
    const started = performance.now();
    await watch.waits();
    const spec = testSpec(places.hostile, ["sleeps"], { wallSeconds: 1 });
    await vi.waitFor(() => expect(performance.now() - started).toBeGreaterThan(1500), 10_000);
    const result = await run(runner, spec);
    expect(watch.taken).toHaveLength(1);
    expect(result).toMatchObject({ status: "timed-out", log: "asleep\n" });
    expect(result.milliseconds).toBeGreaterThanOrEqual(1000);
  });

  test("is sandboxed as a cold one is", async () => {
    const { runner, watch } = places.placeForTest();
    const abort = new AbortController();
    const id = newBuildId();
    const asleep = Promise.withResolvers<void>();
    const onLog = () => asleep.resolve();
    const cold = run(runner, testSpec(places.hostile, ["sleeps"]), { id, signal: abort.signal, onLog });
    await asleep.promise;
    const usual = await sandboxOf(id);
    abort.abort();
    await cold;
    const [slot = ""] = await watch.waits();
    expect(await sandboxOf(slot)).toEqual(usual);
    expect(usual.HostConfig.NetworkMode).toBe("none");
  });

  test("is there for one of two builds; the other goes without", async () => {
    const { runner, watch } = places.placeForTest();
    await run(runner, places.well());
    await watch.waits();
    const results = await Promise.all([run(runner, places.well()), run(runner, places.well())]);
    expect(results).toEqual([expect.objectContaining(succeeded), expect.objectContaining(succeeded)]);
    expect(watch.taken).toHaveLength(1);
    await watch.waits();
  });

  test("is there for builds of its limits alone", async () => {
    const { runner, watch } = places.placeForTest();
    await run(runner, places.well());
    await watch.waits();
    const { memoryBytes } = places.well().limits;
    expect(
      await run(runner, testSpec(places.hostile, ["well"], { memoryBytes: memoryBytes / 2 })),
    ).toMatchObject(succeeded);
    expect(watch.taken).toEqual([]);
    await watch.waits(2);
  });

  test("is left alone by reap", async () => {
    const { runner, watch, left } = places.placeForTest();
    await run(runner, places.well());
    const [slot] = await watch.waits();
    expect(await runner.reap()).toBe(0);
    expect(await left()).toEqual([slot, slot, slot]);
    expect(await run(runner, places.well())).toMatchObject(succeeded);
    expect(watch.taken).toEqual([slot]);
  });

  test("is removed on close, and none comes after", async () => {
    const { runner, watch, left } = places.placeForTest({ warm: { size: 3, idleMilliseconds: hour } });
    await run(runner, places.well());
    await watch.waits(2);
    // The third is on its way.
    await runner.close();
    expect(await left()).toEqual([]);
    expect(await run(runner, places.well())).toMatchObject(succeeded);
    expect(await left()).toEqual([]);
  });

  test("is given up when no build has come for a while", async () => {
    const { runner, watch, left } = places.placeForTest({ warm: { size: 2, idleMilliseconds: 2500 } });
    await run(runner, places.well());
    await watch.until(() => watch.waiting.size > 0);
    await watch.waits(0);
    await vi.waitFor(async () => expect(await left()).toEqual([]), 20_000);
    expect(watch.warnings).toEqual([]);
  });

  test("is given up when its image was built anew", async () => {
    const { runner, watch, left } = places.placeForTest();
    const before = await places.image("anew", ...label, "--label", "anew=0");
    await run(runner, places.well(before));
    const [old] = await watch.waits();
    const after = await places.image("anew", ...label, "--label", "anew=1");
    expect(after.digest).not.toBe(before.digest);
    expect(await run(runner, places.well(after))).toMatchObject(succeeded);
    await watch.until(() => watch.waiting.size === 1 && ![...watch.waiting].includes(old ?? ""));
    const [slot = ""] = watch.waiting;
    expect((await docker.getContainer(`kiisrv-${slot}`).inspect()).Image).toBe(after.digest);
    await vi.waitFor(async () => expect(await left()).toEqual([slot, slot, slot]), 20_000);
    expect(watch.taken).toEqual([]);
    await runner.close();
    await removeImage(before.digest);
  });
});

/** What a container may do and may not, but for what is its own: its directories. */
async function sandboxOf(id: string) {
  const { HostConfig, Config, AppArmorProfile } = await docker.getContainer(`kiisrv-${id}`).inspect();
  const { User, Hostname, WorkingDir, Entrypoint, Volumes, Image } = Config;
  const text = JSON.stringify({
    HostConfig: HostConfig satisfies ContainerInspectInfo["HostConfig"],
    Config: { User, Hostname, WorkingDir, Entrypoint, Volumes, Image },
    AppArmorProfile,
  });
  return JSON.parse(text.replaceAll(id, "ID")) as { HostConfig: { NetworkMode: string } };
}
