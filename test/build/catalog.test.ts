import { setImmediate } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import { ImageCatalog } from "../../src/build/catalog.ts";
import type { ToolchainImage } from "../../src/runner/runner.ts";
import { eventually } from "../support/app.ts";
import { daemonAway, ScriptedRunner, toolchainImage } from "../support/scripted-runner.ts";

// A busy machine may take its time.
vi.setConfig({ testTimeout: 30_000 });

function openCatalog() {
  const runner = new ScriptedRunner();
  const clock = { now: 0 };
  const images = vi.spyOn(runner, "images");
  return { runner, clock, images, catalog: new ImageCatalog(runner, () => clock.now) };
}

test("looks once for many who ask, and again when that is too long ago", async () => {
  const { catalog, clock, images } = openCatalog();
  await Promise.all([1, 2, 3].map(() => catalog.refresh(1000)));
  clock.now = 999;
  await catalog.refresh(1000);
  expect(images).toHaveBeenCalledTimes(1);
  clock.now = 1000;
  await catalog.refresh(1000);
  expect(images).toHaveBeenCalledTimes(2);
});

test("knows what was installed and removed since", async () => {
  const { catalog, runner } = openCatalog();
  await catalog.refresh();
  runner.installed = [toolchainImage("050"), toolchainImage("057", "sha256:new")];
  await catalog.refresh();
  expect(catalog.find("kiisrv-controller-demo")).toBeUndefined();
  expect(catalog.require("kiisrv-controller-057").digest).toBe("sha256:new");
  expect(catalog.all().map(({ name }) => name)).toEqual(["kiisrv-controller-050", "kiisrv-controller-057"]);
});

test("names what there is when asked for what there is not", async () => {
  const { catalog, runner } = openCatalog();
  await catalog.refresh();
  expect(() => catalog.require("kiisrv-controller-050")).toThrow(
    /'kiisrv-controller-050'.*installed: kiisrv-controller-057, kiisrv-controller-demo$/,
  );
  runner.installed = [];
  await catalog.refresh();
  expect(() => catalog.require("x")).toThrow(expect.objectContaining({ code: "image-missing" }));
  expect(() => catalog.require("x")).toThrow(/installed: none$/);
});

describe("a daemon that is away", () => {
  test("is what is told when it never answered", async () => {
    const { catalog, runner } = openCatalog();
    runner.installed = daemonAway();
    await catalog.refresh();
    expect(() => catalog.require("kiisrv-controller-demo")).toThrow(runner.installed);
    expect(catalog.lastFault).toBe(runner.installed);
  });

  test("leaves what was seen before, and is forgotten when it is back", async () => {
    const { catalog, runner } = openCatalog();
    const { installed } = runner;
    await catalog.refresh();
    runner.installed = daemonAway();
    await catalog.refresh();
    expect(catalog.require("kiisrv-controller-demo").digest).toBe("sha256:demo");
    expect(catalog.lastFault?.code).toBe("runner-unavailable");
    runner.installed = installed;
    await catalog.refresh();
    expect(catalog.lastFault).toBeUndefined();
  });

  test("is not asked again and again", async () => {
    const { catalog, runner, images } = openCatalog();
    runner.installed = daemonAway();
    for (let asked = 0; asked < 5; asked++) await catalog.refresh(1000);
    expect(images).toHaveBeenCalledTimes(1);
  });
});

describe("a daemon that hangs", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("does not hold up those who could do with what was seen before", async () => {
    const { catalog, images, runner } = openCatalog();
    await catalog.refresh();
    const hanging = Promise.withResolvers<ToolchainImage[]>();
    images.mockReturnValueOnce(hanging.promise);
    await catalog.refresh();
    await catalog.refresh();
    expect(images).toHaveBeenCalledTimes(2);
    expect(catalog.find("kiisrv-controller-demo")).toBeDefined();
    runner.installed = [];
    hanging.resolve([toolchainImage("050")]);
    await eventually(() => catalog.find("kiisrv-controller-050"));
  });

  test("is waited for by who has nothing else", async () => {
    const { catalog, images } = openCatalog();
    const hanging = Promise.withResolvers<ToolchainImage[]>();
    images.mockReturnValueOnce(hanging.promise);
    const refreshed = catalog.refresh();
    hanging.resolve([toolchainImage("050")]);
    await refreshed;
    expect(catalog.find("kiisrv-controller-050")).toBeDefined();
  });
});

test("a mistake of ours is no fault of the daemon", async () => {
  const { catalog, images } = openCatalog();
  images.mockRejectedValueOnce(new TypeError("bug"));
  await expect(catalog.refresh()).rejects.toThrow(TypeError);
  expect(catalog.lastFault).toBeUndefined();
});

describe("a daemon that tells of changes", () => {
  async function listening() {
    const opened = openCatalog();
    const { catalog, runner } = opened;
    const end = new AbortController();
    const listens = catalog.listen(end.signal);
    await vi.waitFor(() => expect(runner.tell).toBeDefined());
    await catalog.current();
    return { ...opened, end, listens };
  }

  test("when a look that nobody waits for ends in a mistake of ours, the next who asks hears of it", async () => {
    const { catalog, images, clock, end, listens } = await listening();
    images.mockRejectedValue(new TypeError("bug"));
    clock.now = 10_000;
    await catalog.current();
    await setImmediate();
    expect(images).toHaveBeenCalledTimes(2);
    clock.now = 12_000;
    await expect(catalog.current()).rejects.toThrow(TypeError);
    end.abort();
    await listens;
  });

  test("is looked at when it told, and not for as long as it does not", async () => {
    const { catalog, runner, images, clock, end, listens } = await listening();
    expect(images).toHaveBeenCalledTimes(1);
    clock.now = 9999;
    await catalog.current();
    expect(images).toHaveBeenCalledTimes(1);
    runner.installed = [toolchainImage("057", "sha256:new")];
    runner.tell?.();
    await catalog.current();
    expect(catalog.require("kiisrv-controller-057").digest).toBe("sha256:new");
    expect(images).toHaveBeenCalledTimes(2);
    end.abort();
    await listens;
  });

  test("is waited for by all who ask while it is looked at", async () => {
    const { catalog, runner, end, listens } = await listening();
    runner.installed = [toolchainImage("057", "sha256:new")];
    runner.tell?.();
    const first = catalog.current();
    await catalog.current();
    expect(catalog.require("kiisrv-controller-057").digest).toBe("sha256:new");
    await first;
    end.abort();
    await listens;
  });

  test("that changes while it is looked at is looked at again", async () => {
    const { catalog, runner, images, end, listens } = await listening();
    runner.tell?.();
    const looking = catalog.current();
    runner.tell?.();
    await looking;
    await catalog.current();
    expect(images).toHaveBeenCalledTimes(3);
    end.abort();
    await listens;
  });

  test("that changes while it is looked at keeps who comes then waiting for what is new", async () => {
    const { catalog, runner, images, end, listens } = await listening();
    const old = Promise.withResolvers<ToolchainImage[]>();
    images.mockReturnValueOnce(old.promise);
    runner.tell?.();
    const first = catalog.current();
    runner.installed = [toolchainImage("057", "sha256:new")];
    runner.tell?.();
    const seen = async () => {
      await catalog.current();
      return catalog.require("kiisrv-controller-057").digest;
    };
    const others = [seen(), seen()];
    old.resolve([toolchainImage("057", "sha256:old")]);
    await first;
    expect(await Promise.all(others)).toEqual(["sha256:new", "sha256:new"]);
    expect(images).toHaveBeenCalledTimes(3);
    end.abort();
    await listens;
  });

  test("is looked at now and then, and nobody waits for that", async () => {
    const { catalog, runner, images, clock, end, listens } = await listening();
    clock.now = 10_000;
    runner.installed = daemonAway();
    await catalog.current();
    await vi.waitFor(() => expect(catalog.lastFault).toBe(runner.installed));
    expect(images).toHaveBeenCalledTimes(2);
    end.abort();
    await listens;
  });

  test("and falls silent is looked at every two seconds, as one that never told", async () => {
    const { catalog, runner, images, clock, end, listens } = await listening();
    runner.hangUp();
    await vi.waitFor(() => expect(runner.tell).toBeUndefined());
    clock.now = 1999;
    await catalog.current();
    expect(images).toHaveBeenCalledTimes(1);
    clock.now = 2000;
    await catalog.current();
    expect(images).toHaveBeenCalledTimes(2);
    end.abort();
    await listens;
  });
});
