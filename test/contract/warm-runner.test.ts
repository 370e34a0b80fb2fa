import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker, { type ContainerInspectInfo } from "dockerode";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { createDockerRunner, type DockerRunnerOptions } from "../../src/runner/docker.ts";
import type { Runner, RunOptions, RunResult } from "../../src/runner/runner.ts";
import type { BuildSpec } from "../../src/spec/spec.ts";
import { proxyDaemon } from "../support/daemon-proxy.ts";
import { SpareDaemon } from "../support/e2e-daemon.ts";
import { canRunDaemon } from "../support/e2e-root.ts";
import { buildImage, removeImage } from "../support/images.ts";
import { newBuildId, testSpec } from "../support/runner.ts";
import { WarmWatch } from "../support/warm.ts";
import { runnerContract } from "./runner.ts";

const docker = new Docker();
const prefix = `test-${randomUUID()}`;
const label = ["--label", "kiisrv.warm=stdin"];
const hour = 3_600_000;
const hostile = { name: `kiisrv-controller-waits-${prefix}`, digest: "" };
const instances: string[] = [];
const images: string[] = [];
let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "kiisrv-warm-"));
  hostile.digest = await image(hostile.name, ...label);
});

afterAll(async () => {
  for (const instance of instances) await removeContainers(instance);
  for (const name of new Set(images)) await removeImage(name);
  await rm(root, { recursive: true, force: true });
});

/** Builds the hostile image with further options. */
function image(name: string, ...options: string[]): Promise<string> {
  images.push(name);
  return buildImage(name, "hostile", ...options);
}

async function containersOf(instance: string, daemon = docker): Promise<string[]> {
  const filters = { label: [`kiisrv.instance=${instance}`] };
  const containers = await daemon.listContainers({ all: true, filters });
  return containers.flatMap(({ Names }) => Names.map((name) => name.replace("/kiisrv-", "")));
}

async function removeContainers(instance: string): Promise<void> {
  for (const id of await containersOf(instance)) {
    await docker.getContainer(`kiisrv-${id}`).remove({ force: true });
  }
}

/** A runner with directories of its own and whatever it has said; `left` is all there is of it, by id. */
function place(options: Partial<DockerRunnerOptions> = {}) {
  const instance = `${prefix}-${instances.length}`;
  instances.push(instance);
  const directories = {
    tmpConfig: join(root, instance, "config"),
    tmpBuilds: join(root, instance, "builds"),
  };
  const watch = new WarmWatch();
  const warm = { size: 1, idleMilliseconds: hour };
  const runner = createDockerRunner({ docker, directories, instance, warm, logger: watch, ...options });
  const left = async () => {
    const lists = await Promise.all([
      readdir(directories.tmpConfig),
      readdir(directories.tmpBuilds),
      containersOf(instance, options.docker),
    ]);
    return lists.flat();
  };
  return { runner, watch, left, instance, directories };
}

/** One for a single test. */
function placeForTest(options: Partial<DockerRunnerOptions> = {}) {
  const one = place(options);
  onTestFinished(() => one.runner.close());
  return one;
}

function run(runner: Runner, spec: BuildSpec, more: Partial<RunOptions> = {}): Promise<RunResult> {
  return runner.run(spec, { id: newBuildId(), signal: new AbortController().signal, ...more });
}

const well = (of = hostile) => testSpec(of, ["well"]);
const succeeded = { status: "succeeded", exitCode: 0 };

describe("the contract, kept by containers that waited", () => {
  let warm: ReturnType<typeof place>;
  let patient: Runner;
  let runs = 0;

  beforeAll(async () => {
    warm = place();
    await run(warm.runner, well());
    // Each kind of container there is: limits on the size of files make one of their own.
    const kinds = new Set([well().limits.outputBytes]);
    patient = {
      ...bound(warm.runner),
      run: async (spec, options) => {
        await warm.watch.until(() => warm.watch.waiting.size >= kinds.size);
        kinds.add(spec.limits.outputBytes);
        runs++;
        return warm.runner.run(spec, options);
      },
    };
  });

  // Else it would go on replacing what is cleared away after a test that failed.
  afterAll(() => warm.runner.close());

  /** What is left when all is quiet: but for those that wait, nothing may be. */
  async function leftovers(): Promise<string[]> {
    const { watch, left } = warm;
    const surplus = async () => (await left()).filter((id) => !watch.waiting.has(id));
    await vi.waitFor(async () => expect(await surplus()).toEqual([]), { timeout: 20_000, interval: 50 });
    return surplus();
  }

  runnerContract("the Docker runner, warm", () => ({ runner: patient, hostile, leftovers }));

  test("most of those were warm, each in a container of its own, and nothing is left of them", async () => {
    const { runner, watch, left } = warm;
    // Not: the second of two at once, the first of its kind, those without an image, one cancelled before.
    expect(watch.taken.length).toBe(runs - 5);
    expect(new Set(watch.taken).size).toBe(watch.taken.length);
    expect(watch.warnings).toEqual([]);
    await runner.close();
    expect(await left()).toEqual([]);
  });
});

function bound(runner: Runner): Runner {
  return {
    run: runner.run.bind(runner),
    images: runner.images.bind(runner),
    reap: runner.reap.bind(runner),
    close: runner.close.bind(runner),
  };
}

describe("a container that waits", () => {
  test("is used once", async () => {
    const { runner, watch, left } = placeForTest();
    await run(runner, well());
    const [first = ""] = await watch.waits();
    expect(await run(runner, well())).toMatchObject(succeeded);
    const [second] = await watch.waits();
    expect(watch.taken).toEqual([first]);
    expect(second).not.toBe(first);
    expect(await left()).toEqual([second, second, second]);
  });

  test("gives what a cold one gives: outputs and log, byte for byte", async () => {
    const { runner, watch } = placeForTest();
    const cold = await run(runner, testSpec(hostile, ["sandbox"]));
    await watch.waits();
    const warm = await run(runner, testSpec(hostile, ["sandbox"]));
    expect(watch.taken).toHaveLength(1);
    expect({ ...warm, milliseconds: 0 }).toEqual({ ...cold, milliseconds: 0 });
  });

  test("counts the time of its build from when that came", async () => {
    const { runner, watch } = placeForTest();
    await run(runner, well());
    const started = performance.now();
    await watch.waits();
    const spec = testSpec(hostile, ["sleeps"], { wallSeconds: 1 });
    await vi.waitFor(() => expect(performance.now() - started).toBeGreaterThan(1500), 10_000);
    const result = await run(runner, spec);
    expect(watch.taken).toHaveLength(1);
    expect(result).toMatchObject({ status: "timed-out", log: "asleep\n" });
    expect(result.milliseconds).toBeGreaterThanOrEqual(1000);
  });

  test("is sandboxed as a cold one is", async () => {
    const { runner, watch } = placeForTest();
    const abort = new AbortController();
    const id = newBuildId();
    const asleep = Promise.withResolvers<void>();
    const onLog = () => asleep.resolve();
    const cold = run(runner, testSpec(hostile, ["sleeps"]), { id, signal: abort.signal, onLog });
    await asleep.promise;
    const usual = await sandboxOf(id);
    abort.abort();
    await cold;
    const [slot = ""] = await watch.waits();
    expect(await sandboxOf(slot)).toEqual(usual);
    expect(usual.HostConfig.NetworkMode).toBe("none");
  });

  test("is there for one of two builds; the other goes without", async () => {
    const { runner, watch } = placeForTest();
    await run(runner, well());
    await watch.waits();
    const results = await Promise.all([run(runner, well()), run(runner, well())]);
    expect(results).toEqual([expect.objectContaining(succeeded), expect.objectContaining(succeeded)]);
    expect(watch.taken).toHaveLength(1);
    await watch.waits();
  });

  test("is there for builds of its limits alone", async () => {
    const { runner, watch } = placeForTest();
    await run(runner, well());
    await watch.waits();
    const { memoryBytes } = well().limits;
    expect(await run(runner, testSpec(hostile, ["well"], { memoryBytes: memoryBytes / 2 }))).toMatchObject(
      succeeded,
    );
    expect(watch.taken).toEqual([]);
    await watch.waits(2);
  });

  test("is left alone by reap", async () => {
    const { runner, watch, left } = placeForTest();
    await run(runner, well());
    const [slot] = await watch.waits();
    expect(await runner.reap()).toBe(0);
    expect(await left()).toEqual([slot, slot, slot]);
    expect(await run(runner, well())).toMatchObject(succeeded);
    expect(watch.taken).toEqual([slot]);
  });

  test("is removed on close, and none comes after", async () => {
    const { runner, watch, left } = placeForTest({ warm: { size: 3, idleMilliseconds: hour } });
    await run(runner, well());
    await watch.waits(2);
    // The third is on its way.
    await runner.close();
    expect(await left()).toEqual([]);
    expect(await run(runner, well())).toMatchObject(succeeded);
    expect(await left()).toEqual([]);
  });

  test("is given up when no build has come for a while", async () => {
    const { runner, watch, left } = placeForTest({ warm: { size: 2, idleMilliseconds: 2500 } });
    await run(runner, well());
    await watch.until(() => watch.waiting.size > 0);
    await watch.waits(0);
    await vi.waitFor(async () => expect(await left()).toEqual([]), 20_000);
    expect(watch.warnings).toEqual([]);
  });

  test("is given up when its image was built anew", async () => {
    const { runner, watch, left } = placeForTest();
    const name = `kiisrv-controller-anew-${prefix}`;
    const before = { name, digest: await image(name, ...label, "--label", "anew=0") };
    await run(runner, well(before));
    const [old] = await watch.waits();
    const after = { name, digest: await image(name, ...label, "--label", "anew=1") };
    expect(after.digest).not.toBe(before.digest);
    expect(await run(runner, well(after))).toMatchObject(succeeded);
    await watch.until(() => watch.waiting.size === 1 && ![...watch.waiting].includes(old ?? ""));
    const [slot = ""] = watch.waiting;
    expect((await docker.getContainer(`kiisrv-${slot}`).inspect()).Image).toBe(after.digest);
    await vi.waitFor(async () => expect(await left()).toEqual([slot, slot, slot]), 20_000);
    expect(watch.taken).toEqual([]);
    await runner.close();
    await removeImage(before.digest);
  });
});

describe("nothing waits", () => {
  test("where the image does not say that it can", async () => {
    const { runner, watch, left } = placeForTest();
    const name = `kiisrv-controller-never-${prefix}`;
    await expectCold(runner, watch, left, { name, digest: await image(name) });
  });

  test("where it is turned off", async () => {
    const { runner, watch, left } = placeForTest({ warm: { size: 0, idleMilliseconds: hour } });
    await expectCold(runner, watch, left, hostile);
  });

  async function expectCold(
    runner: Runner,
    watch: WarmWatch,
    left: () => Promise<string[]>,
    of: typeof hostile,
  ): Promise<void> {
    for (let round = 0; round < 3; round++) {
      expect(await run(runner, well(of))).toMatchObject(succeeded);
      // Longer than it takes to start one.
      await vi.waitFor(async () => expect(await left()).toEqual([]), 10_000);
      await new Promise((resolve) => setTimeout(resolve, 300));
      expect(await left()).toEqual([]);
    }
    expect(watch.taken).toEqual([]);
  }
});

describe("what goes wrong costs no build", () => {
  test("a container that was killed is replaced, and no build notices", async () => {
    const { runner, watch } = placeForTest();
    await run(runner, well());
    const [slot = ""] = await watch.waits();
    await docker.getContainer(`kiisrv-${slot}`).kill();
    expect(await run(runner, well())).toMatchObject(succeeded);
    await watch.waits();
    expect([...watch.waiting]).not.toContain(slot);
    expect(watch.warnings).toHaveLength(1);
  });

  test("a container whose directory is gone is not used", async () => {
    const { runner, watch, directories, left } = placeForTest();
    await run(runner, well());
    const [slot = ""] = await watch.waits();
    await rmdir(join(directories.tmpConfig, slot));
    expect(await run(runner, well())).toMatchObject(succeeded);
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
    const { runner, watch, left } = placeForTest();
    const name = `kiisrv-controller-${waiting}-${prefix}`;
    const spoilt = { name, digest: await image(name, ...label, "--build-arg", `WAITING=${waiting}`) };
    await run(runner, well(spoilt));
    await watch.until(() => watch.warnings.length === 4);
    expect(watch.warnings).toEqual([
      ...Array.from({ length: 3 }, () => expect.stringContaining(`ended by itself: ${why}`)),
      "no more warm containers of this image: they end by themselves",
    ]);
    for (let round = 0; round < 2; round++) expect(await run(runner, well(spoilt))).toMatchObject(succeeded);
    await vi.waitFor(async () => expect(await left()).toEqual([]), 10_000);
    expect(watch.warnings).toHaveLength(4);
    expect(watch.taken).toEqual([]);
  });

  test.each(["cut", "freeze"] as const)("a daemon that goes away (%s) and comes back", async (fail) => {
    const socketPath = join(root, `${randomUUID()}.sock`);
    const away = await proxyDaemon(socketPath);
    const { runner, watch, left } = placeForTest({ docker: new Docker({ socketPath }), patience: 1500 });
    await run(runner, well());
    const [slot] = await watch.waits();
    away[fail]();
    await expect(run(runner, well())).rejects.toMatchObject({ code: "runner-unavailable" });
    await away.close();
    await watch.waits(0);

    const back = await proxyDaemon(socketPath);
    onTestFinished(() => back.close());
    expect(await run(runner, well())).toMatchObject(succeeded);
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
    await daemon.load(hostile.name);
  });

  afterAll(() => daemon.remove());

  test("is restarted while a container waits: that one goes, and builds go on", async () => {
    const { runner, watch, left } = placeForTest({ docker: daemon.docker });
    await run(runner, well());
    const [slot] = await watch.waits();
    await daemon.stop();
    await watch.waits(0);
    await daemon.start();
    expect(await run(runner, well())).toMatchObject(succeeded);
    const [next] = await watch.waits();
    await vi.waitFor(async () => expect(await left()).toEqual([next, next, next]), 20_000);
    expect(watch.taken).toEqual([]);
    expect(next).not.toBe(slot);
    await runner.close();
    expect(await left()).toEqual([]);
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
