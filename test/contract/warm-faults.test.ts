import { rmdir } from "node:fs/promises";
import { join } from "node:path";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import type { Runner } from "../../src/runner/runner.ts";
import { temporaryDirectory } from "../support/app.ts";
import { proxyDaemon } from "../support/daemon-proxy.ts";
import { SpareDaemon } from "../support/e2e-daemon.ts";
import { canRunDaemon } from "../support/e2e-root.ts";
import type { WarmWatch } from "../support/warm.ts";
import { docker, hour, label, run, succeeded, WarmPlaces } from "../support/warmPlaces.ts";

const places = new WarmPlaces();

describe("nothing waits", () => {
  test("where the image does not say that it can", async () => {
    const { runner, watch, left } = places.placeForTest();
    await expectCold(runner, watch, left, await places.image("never"));
  });

  test("where it is turned off", async () => {
    const { runner, watch, left } = places.placeForTest({ warm: { size: 0, idleMilliseconds: hour } });
    await expectCold(runner, watch, left, places.hostile);
  });

  async function expectCold(
    runner: Runner,
    watch: WarmWatch,
    left: () => Promise<string[]>,
    of: WarmPlaces["hostile"],
  ): Promise<void> {
    for (let round = 0; round < 3; round++) {
      expect(await run(runner, places.well(of))).toMatchObject(succeeded);
      // Longer than it takes to start one.
      await vi.waitFor(async () => expect(await left()).toEqual([]), 10_000);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await left()).toEqual([]);
    }
    expect(watch.taken).toEqual([]);
  }
});

/** The waiting containers of an image, prepared or not. */
async function startedSlots({ name }: { name: string }): Promise<string[]> {
  const containers = await docker.listContainers({ filters: { ancestor: [name] } });
  return containers.flatMap(({ Names }) => Names).filter((container) => container.includes("-warm-"));
}

describe("what goes wrong costs no build", () => {
  test("a container that was killed is replaced, and no build notices", async () => {
    const { runner, watch } = places.placeForTest();
    await run(runner, places.well());
    const [slot = ""] = await watch.waits();
    await docker.getContainer(`kiisrv-${slot}`).kill();
    expect(await run(runner, places.well())).toMatchObject(succeeded);
    await watch.waits();
    expect([...watch.waiting]).not.toContain(slot);
    expect(watch.warnings).toHaveLength(1);
  });

  test("a container whose directory is gone is not used", async () => {
    const { runner, watch, directories, left } = places.placeForTest();
    await run(runner, places.well());
    const [slot = ""] = await watch.waits();
    await rmdir(join(directories.tmpConfig, slot));
    expect(await run(runner, places.well())).toMatchObject(succeeded);
    expect(watch.taken).toEqual([]);
    expect(watch.warnings).toEqual(["a warm container cannot be taken"]);
    await watch.waits();
    await runner.close();
    expect(await left()).toEqual([]);
  });

  test.each([
    ["crashes", "exit status 1"],
    ["talks", 'it said "waiting\\nDeprecated'],
  ])("an image whose waiting %s is warmed three times, not more", async (waiting, why) => {
    const { runner, watch, left } = places.placeForTest();
    const spoilt = await places.image(waiting, ...label, "--build-arg", `WAITING=${waiting}`);
    await run(runner, places.well(spoilt));
    await watch.until(() => watch.warnings.length === 4);
    expect(watch.warnings).toEqual([
      ...Array.from({ length: 3 }, () => expect.stringContaining(`ended by itself: ${why}`)),
      "no more warm containers of this image: they end by themselves",
    ]);
    for (let round = 0; round < 2; round++)
      expect(await run(runner, places.well(spoilt))).toMatchObject(succeeded);
    await vi.waitFor(async () => expect(await left()).toEqual([]), 10_000);
    expect(watch.warnings).toHaveLength(4);
    expect(watch.taken).toEqual([]);
  });

  test("nor waits for one that is still being started", async () => {
    const { runner, watch } = places.placeForTest();
    const slow = await places.image("tarries", ...label, "--build-arg", "WAITING=tarries");
    await run(runner, places.well(slow));
    await vi.waitFor(async () => expect(await startedSlots(slow)).toHaveLength(1), 10_000);
    expect(await run(runner, places.well(slow))).toMatchObject(succeeded);
    // Which would tell that it was waited for to its end.
    expect(watch.warnings).toEqual([]);
    expect(watch.taken).toEqual([]);
    await vi.waitFor(async () => expect(await startedSlots(slow)).toHaveLength(1), 10_000);
  });

  test("nor is a stop kept waiting by it, or given a container", async () => {
    const { runner, left } = places.placeForTest();
    const slow = await places.image("tarries", ...label, "--build-arg", "WAITING=tarries");
    await run(runner, places.well(slow));
    await vi.waitFor(async () => expect(await startedSlots(slow)).toHaveLength(1), 10_000);
    const stop = new AbortController();
    const seen: Set<string>[] = [];
    const stopped = run(runner, places.well(slow), { signal: stop.signal });
    const watching = setInterval(async () => seen.push(new Set(await left())), 20);
    stop.abort();
    expect(await stopped).toMatchObject({ status: "cancelled" });
    clearInterval(watching);
    // Else it had one while that was being made.
    expect([...new Set(seen.flatMap((ids) => [...ids]))].filter((id) => !id.startsWith("warm-"))).toEqual([]);
  });

  test.each(["cut", "freeze"] as const)("a daemon that goes away (%s) and comes back", async (fail) => {
    const socketPath = join(temporaryDirectory(), "docker.sock");
    const away = await proxyDaemon(socketPath);
    const { runner, watch, left } = places.placeForTest({
      docker: new Docker({ socketPath }),
      patience: 1500,
    });
    await run(runner, places.well());
    const [slot] = await watch.waits();
    away[fail]();
    await expect(run(runner, places.well())).rejects.toMatchObject({ code: "runner-unavailable" });
    await away.close();
    await watch.waits(0);

    const back = await proxyDaemon(socketPath);
    onTestFinished(() => back.close());
    expect(await run(runner, places.well())).toMatchObject(succeeded);
    await watch.waits();
    expect([...watch.waiting]).not.toContain(slot);
    await runner.close();
    expect(await left()).toEqual([]);
  });
});

describe.skipIf(!canRunDaemon)("a daemon of our own (needs root and dockerd)", () => {
  let daemon: SpareDaemon;

  beforeAll(async () => {
    daemon = await SpareDaemon.create();
    await daemon.start();
    await daemon.load(places.hostile.name);
  });

  afterAll(() => daemon.remove());

  test("is restarted while a container waits: that one goes, and builds go on", async () => {
    const { runner, watch, left } = places.placeForTest({ docker: daemon.docker });
    await run(runner, places.well());
    const [slot] = await watch.waits();
    await daemon.stop();
    await watch.waits(0);
    await daemon.start();
    expect(await run(runner, places.well())).toMatchObject(succeeded);
    const [next] = await watch.waits();
    await vi.waitFor(async () => expect(await left()).toEqual([next, next, next]), 20_000);
    expect(watch.taken).toEqual([]);
    expect(next).not.toBe(slot);
    await runner.close();
    expect(await left()).toEqual([]);
  });
});
