import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as counted } from "node:timers/promises";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { BuildAnswer } from "../../src/build/service.ts";
import { Problem } from "../../src/errors.ts";
import { ArtifactStore } from "../../src/store/artifacts.ts";
import { maxAttempts } from "../../src/store/buildStatements.ts";
import {
  demoRequest,
  differentRequest,
  eventually,
  type House,
  openHouse,
  repositoryLayouts,
  requester,
  temporaryDirectory,
} from "../support/app.ts";
import { unzip } from "../support/client.ts";
import { daemonAway, ScriptedRunner, toolchainImage } from "../support/scripted-runner.ts";

// A busy machine may take its time.
vi.setConfig({ testTimeout: 30_000 });

const sound = demoRequest();

/** Posts a request and ends the run it starts. */
async function buildOnce(house: House, body = sound, result = {}): Promise<BuildAnswer> {
  const answer = house.service.build(body, requester());
  const run = await house.runner.next();
  run.end(result);
  return answer;
}

function rows(house: House) {
  return house.builds.recent(100).map(({ status, attempts, reason }) => ({ status, attempts, reason }));
}

async function zipOf(house: House, answer: BuildAnswer) {
  return unzip(readFileSync(join(house.artifactDirectory, answer.fileName)));
}

/** The same values with every object's keys the other way round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, reversed(inner)]);
  return Object.fromEntries(entries.reverse());
}

describe("a build that goes well", () => {
  test("is a zip named by its key, with firmware, document and log", async () => {
    const house = openHouse();
    const answer = await buildOnce(house);
    expect(answer).toMatchObject({ success: true, cached: false, warnings: [] });
    expect(answer.fileName).toBe(`Demo-Standard-${answer.key}.zip`);
    const zip = await zipOf(house, answer);
    expect(zip.get("kiibohd.dfu.bin")?.toString()).toBe("kiibohd.dfu.bin of sha256:demo");
    expect(zip.get("log/build.log")?.toString()).toBe("compiled\n");
    expect(JSON.parse(zip.get("Demo-Standard.json")?.toString() ?? "")).toEqual(
      JSON.parse(sound.toString()).config,
    );
    expect(rows(house)).toEqual([{ status: "succeeded", attempts: 1, reason: "" }]);
  });

  test("is run once; later requests are answered from the cache", async () => {
    const house = openHouse();
    const first = await buildOnce(house);
    expect(await house.service.build(sound, requester("bob"))).toEqual({ ...first, cached: true });
    expect(house.runner.runs.length).toBe(1);
  });

  test("is one run for fifty requests at once, however they are written", async () => {
    const house = openHouse();
    const value = JSON.parse(sound.toString());
    const spellings = [
      sound,
      Buffer.from(JSON.stringify(value, null, 2)),
      Buffer.from(JSON.stringify(reversed(value))),
    ];
    const answers = Array.from({ length: 50 }, (_, index) =>
      house.service.build(spellings[index % 3] ?? sound, requester(`client ${index}`)),
    );
    (await house.runner.next()).end();
    const names = new Set((await Promise.all(answers)).map(({ fileName }) => fileName));
    expect(names.size).toBe(1);
    expect(house.runner.runs.length).toBe(1);
    expect(rows(house)).toEqual([{ status: "succeeded", attempts: 1, reason: "" }]);
    await counted();
    expect(house.stats.summary()).toMatchObject({ builds: 50, uniqueBuilds: 1, buildMilliseconds: 1234 });
  });

  test("is found by a server that starts later", async () => {
    const house = openHouse();
    const first = await buildOnce(house);
    const later = openHouse({ directory: house.directory });
    expect(await later.service.build(sound, requester())).toEqual({ ...first, cached: true });
    expect(later.runner.runs).toEqual([]);
  });

  test("is built again when somebody deleted its zip, under the same name", async () => {
    const house = openHouse();
    const first = await buildOnce(house);
    rmSync(join(house.artifactDirectory, first.fileName));
    expect(await buildOnce(house)).toEqual(first);
    expect(readdirSync(house.artifactDirectory)).toEqual([first.fileName]);
  });
});

describe("different builds", () => {
  test("never run more at once than the queue lets, and are all answered", async () => {
    const house = openHouse({ concurrency: 3 });
    house.runner.onRun = (run) => setImmediate(() => run.end());
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        house.service.build(differentRequest(index), requester(`client ${index % 4}`)),
      ),
    );
    expect(new Set(answers.map(({ key }) => key)).size).toBe(30);
    expect(house.runner.runs.length).toBe(30);
    expect(house.runner.most).toBe(3);
  });

  test("are turned away when too many wait, with a time to come back, and leave no row", async () => {
    const house = openHouse({ concurrency: 1, queueLength: 1 });
    const running = house.service.build(differentRequest(1), requester());
    const first = await house.runner.next();
    const waiting = house.service.build(differentRequest(2), requester());
    await eventually(() => house.queue.size.waiting === 1);
    const refused = house.service.build(differentRequest(3), requester("bob"));
    await expect(refused).rejects.toMatchObject({ code: "queue-full", retryAfter: expect.any(Number) });
    expect(house.builds.recent(10).length).toBe(2);
    const again = house.service.build(differentRequest(2), requester("bob"));
    first.end();
    (await house.runner.next()).end();
    expect((await Promise.all([running, waiting, again])).map(({ success }) => success)).toEqual([
      true,
      true,
      true,
    ]);
  });
});

describe("a build that does not go well", () => {
  test("because the compiler failed is an answer with the log, and is kept", async () => {
    const house = openHouse();
    const reason = "The build ended with status 1.";
    const first = await buildOnce(house, sound, {
      status: "failed",
      exitCode: 1,
      reason,
      outputs: [],
      log: "no rule\n",
    });
    expect(first).toMatchObject({ success: false, fileName: `Demo-Standard-${first.key}_error.zip` });
    const log = (await zipOf(house, first)).get("log/build.log")?.toString();
    expect(log).toBe(`Why this build failed: no rule\n\nno rule\n\nkiisrv: ${reason}\n`);
    expect(await house.service.build(sound, requester())).toEqual({ ...first, cached: true });
    expect(house.runner.runs.length).toBe(1);
  });

  test.for(["timed-out", "limit-exceeded"] as const)(
    "because it was %s is an answer under a name of its own, and not kept",
    async (status) => {
      const house = openHouse();
      const first = await buildOnce(house, sound, { status, reason: "It was stopped.", outputs: [] });
      expect(first.success).toBe(false);
      expect(first.fileName).toMatch(new RegExp(`^Demo-Standard-${first.key}[0-9a-f]{8}_error\\.zip$`));
      const second = await buildOnce(house, sound, { status, reason: "It was stopped.", outputs: [] });
      expect(second.fileName).not.toBe(first.fileName);
      expect(await buildOnce(house)).toMatchObject({ success: true, cached: false });
      expect(house.runner.runs.length).toBe(3);
    },
  );

  test("because its image is not installed is told, and leaves no row", async () => {
    const house = openHouse({ runner: new ScriptedRunner() });
    house.runner.installed = [toolchainImage("057")];
    const message = /kiisrv-controller-demo.*installed: kiisrv-controller-057/;
    await expect(house.service.build(sound, requester())).rejects.toMatchObject({ code: "image-missing" });
    await expect(house.service.build(sound, requester())).rejects.toThrow(message);
    expect(rows(house)).toEqual([]);
  });

  test("because its image went away meanwhile is told, and not kept", async () => {
    const house = openHouse();
    const answer = house.service.build(sound, requester());
    (await house.runner.next()).fail(new Problem("image-missing", "the image is gone"));
    await expect(answer).rejects.toMatchObject({ code: "image-missing" });
    expect(rows(house)).toEqual([{ status: "faulted", attempts: 1, reason: "the image is gone" }]);
    expect(await buildOnce(house)).toMatchObject({ success: true, cached: false });
  });

  test("because of a mistake of the server is told to who waits, shows nothing of it, and is not kept", async () => {
    const house = openHouse();
    const answers = [1, 2].map(() => house.service.build(sound, requester()));
    (await house.runner.next()).fail(new TypeError("x is not a function"));
    for (const answer of answers) await expect(answer).rejects.toThrow(TypeError);
    expect(rows(house)).toEqual([{ status: "faulted", attempts: 1, reason: "the server made a mistake" }]);
    expect(await buildOnce(house)).toMatchObject({ success: true });
  });

  test("because the zip cannot be stored is told, and not kept", async () => {
    let full = true;
    class FullDisk extends ArtifactStore {
      override async publish(...args: Parameters<ArtifactStore["publish"]>) {
        if (full) throw new Problem("storage-failed", "the server's disk is full");
        return super.publish(...args);
      }
    }
    const house = openHouse({ artifacts: (path) => new FullDisk(path) });
    const answer = house.service.build(sound, requester());
    (await house.runner.next()).end();
    await expect(answer).rejects.toMatchObject({ code: "storage-failed", status: 507 });
    expect(rows(house)).toEqual([{ status: "faulted", attempts: 1, reason: "the server's disk is full" }]);
    await counted();
    expect(house.stats.summary().builds).toBe(0);
    full = false;
    expect(await buildOnce(house)).toMatchObject({ success: true, cached: false });
  });
});

describe("a daemon that goes away", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("fails all who wait, and what it broke off is built when it is back", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const house = openHouse();
    const answers = [1, 2, 3].map(() => house.service.build(sound, requester()));
    const run = await house.runner.next();
    house.runner.installed = daemonAway();
    run.fail(daemonAway());
    for (const answer of answers) await expect(answer).rejects.toMatchObject({ code: "runner-unavailable" });
    expect(rows(house)).toEqual([{ status: "queued", attempts: 1, reason: "" }]);

    await vi.advanceTimersByTimeAsync(20_000);
    expect(house.runner.reaps).toBe(0);
    house.runner.installed = [toolchainImage("demo")];
    const again = house.runner.next();
    await vi.advanceTimersByTimeAsync(5000);
    (await again).end();
    await eventually(() => house.builds.recent(1)[0]?.status === "succeeded");
    expect(await house.service.build(sound, requester())).toMatchObject({ success: true, cached: true });
  });

  test("costs nobody what is built already", async () => {
    const house = openHouse();
    const first = await buildOnce(house);
    house.runner.installed = daemonAway();
    house.forgetImages();
    expect(await house.service.build(sound, requester())).toEqual({ ...first, cached: true });
  });

  test("is told to who comes first of all", async () => {
    const house = openHouse();
    house.runner.installed = daemonAway();
    await expect(house.service.build(sound, requester())).rejects.toMatchObject({
      code: "runner-unavailable",
      retryAfter: 10,
    });
    expect(rows(house)).toEqual([]);
  });

  test("leaves no row behind for those who keep asking", async () => {
    const house = openHouse();
    await buildOnce(house);
    house.runner.installed = daemonAway();
    house.forgetImages();
    for (const number of [1, 1, 2, 3]) {
      const answer = house.service.build(differentRequest(number), requester());
      await expect(answer).rejects.toMatchObject({ code: "runner-unavailable", retryAfter: 10 });
    }
    expect(rows(house)).toHaveLength(1);

    house.runner.installed = [toolchainImage("demo")];
    house.forgetImages();
    const built = house.service.build(differentRequest(1), requester());
    (await house.runner.next()).end();
    expect(await built).toMatchObject({ success: true, cached: false });
  });

  test("does not strand a row that was asked for again meanwhile", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const house = openHouse();
    const broken = house.service.build(sound, requester());
    (await house.runner.next()).fail(daemonAway());
    await expect(broken).rejects.toMatchObject({ code: "runner-unavailable" });
    const second = house.service.build(sound, requester());
    const run = await house.runner.next();
    await vi.advanceTimersByTimeAsync(5000);
    run.end();
    await second;
    await vi.advanceTimersByTimeAsync(5000);
    await eventually(() => house.builds.recent(2).every(({ finished }) => finished !== null));
    expect(house.builds.recent(2).map(({ status }) => status)).toEqual(["succeeded", "cancelled"]);
    expect(house.runner.runs.length).toBe(2);
  });
});

describe("a database that fails", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("during recovery is waited for", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const former = openHouse();
    former.service.build(sound, requester()).catch(() => "its life ends with the test");
    await former.runner.next();
    const house = openHouse({ directory: former.directory });
    house.databases.builds.exec("ALTER TABLE Builds RENAME COLUMN spec TO away");
    await house.service.recover();
    house.databases.builds.exec("ALTER TABLE Builds RENAME COLUMN away TO spec");
    const next = house.runner.next();
    await vi.advanceTimersByTimeAsync(5000);
    (await next).end();
    await eventually(() => house.builds.recent(1)[0]?.status === "succeeded");
  });

  test("of the statistics costs nobody their firmware", async () => {
    const house = openHouse();
    house.databases.stats.exec("DROP TABLE Requests");
    expect(await buildOnce(house)).toMatchObject({ success: true });
  });
});

describe("a restart", () => {
  test("runs what a former life left queued and running, oldest first", async () => {
    const former = openHouse({ concurrency: 1 });
    for (const number of [1, 2]) {
      former.service.build(differentRequest(number), requester()).catch(() => "its life ends here");
      if (number === 1) await former.runner.next();
      else await eventually(() => former.queue.size.waiting === 1);
    }
    const left = former.builds.recent(2).map(({ id, key, status }) => ({ id, key, status }));
    expect(left.map(({ status }) => status)).toEqual(["queued", "running"]);

    const house = openHouse({ directory: former.directory, concurrency: 1 });
    await house.service.recover();
    expect(house.runner.reaps).toBe(1);
    for (const { id } of left.toReversed()) {
      const run = await house.runner.next();
      expect(run.id.startsWith(id)).toBe(true);
      run.end();
    }
    await eventually(() => house.queue.size.running === 0);
    expect(rows(house).map(({ status }) => status)).toEqual(["succeeded", "succeeded"]);
    await counted();
    expect(house.stats.summary().builds).toBe(0);
    expect(await house.service.build(differentRequest(2), requester())).toMatchObject({ cached: true });
  });

  test("does not forget where the lines of what was left come from", async () => {
    const former = openHouse();
    former.service.build(sound, requester()).catch(() => "its life ends here");
    await former.runner.next();
    const house = openHouse({ directory: former.directory });
    await house.service.recover();
    const run = await house.runner.next();
    const answer = house.service.build(sound, requester());
    run.end({ status: "failed", exitCode: 1, outputs: [], log: "Demo-Standard-0.kll:6: error: no name" });
    const errors = [{ path: "config.header.Author", message: "no name" }];
    expect(await answer).toMatchObject({ success: false, outcome: { errors } });
  });

  test("lets a request share the run of what was left", async () => {
    const former = openHouse();
    former.service.build(sound, requester()).catch(() => "its life ends here");
    await former.runner.next();
    const house = openHouse({ directory: former.directory });
    await house.service.recover();
    const run = await house.runner.next();
    const answer = house.service.build(sound, requester());
    run.end();
    expect(await answer).toMatchObject({ success: true });
    expect(house.runner.runs.length).toBe(1);
  });

  test("gives up a build that was under way each time the server died", async () => {
    let house = openHouse();
    house.service.build(sound, requester()).catch(() => "its life ends here");
    await house.runner.next();
    for (let death = 1; death < maxAttempts; death++) {
      house = openHouse({ directory: house.directory });
      await house.service.recover();
      await house.runner.next();
    }
    house = openHouse({ directory: house.directory });
    await house.service.recover();
    expect(house.queue.size.running).toBe(0);
    expect(rows(house)).toEqual([
      { status: "faulted", attempts: maxAttempts, reason: expect.stringContaining(`${maxAttempts} times`) },
    ]);
  });
});

describe("a stop", () => {
  test("lets what runs finish and keeps what waits for the next start", async () => {
    const house = openHouse({ concurrency: 1 });
    const running = house.service.build(differentRequest(1), requester());
    const run = await house.runner.next();
    const waiting = house.service.build(differentRequest(2), requester());
    const refused = expect(waiting).rejects.toMatchObject({ code: "shutting-down", retryAfter: 5 });
    await eventually(() => house.queue.size.waiting === 1);
    const stopped = house.service.stop(60_000);
    await refused;
    run.end();
    expect(await running).toMatchObject({ success: true });
    await stopped;
    expect(rows(house).map(({ status }) => status)).toEqual(["queued", "succeeded"]);

    const later = openHouse({ directory: house.directory });
    await later.service.recover();
    (await later.runner.next()).end();
    await eventually(() => later.builds.recent(1)[0]?.status === "succeeded");
  });

  test("puts back what the grace time does not suffice for, and does not count that attempt", async () => {
    const house = openHouse();
    const answer = house.service.build(sound, requester());
    const refused = expect(answer).rejects.toMatchObject({ code: "shutting-down" });
    const run = await house.runner.next();
    await house.service.stop(1);
    await refused;
    expect(run.signal.aborted).toBe(true);
    expect(rows(house)).toEqual([{ status: "queued", attempts: 0, reason: "" }]);
  });

  test("refuses what comes afterwards, but not what is built", async () => {
    const house = openHouse();
    const first = await buildOnce(house);
    await house.service.stop(0);
    await expect(house.service.build(differentRequest(1), requester())).rejects.toMatchObject({
      code: "shutting-down",
    });
    expect(await house.service.build(sound, requester())).toEqual({ ...first, cached: true });
    // Else who keeps asking while the server stops would fill the queue of its next life.
    expect(rows(house)).toHaveLength(1);
  });

  test("ends a recovery that is under way", async () => {
    const former = openHouse();
    former.service.build(sound, requester()).catch(() => "its life ends here");
    await former.runner.next();
    const house = openHouse({ directory: former.directory });
    const recovered = house.service.recover();
    await house.service.stop(0);
    await recovered;
    expect(house.runner.runs).toEqual([]);
    expect(rows(house)).toEqual([{ status: "running", attempts: 1, reason: "" }]);
  });
});

describe("a build is another one", () => {
  test("when its image changed", async () => {
    const house = openHouse();
    const first = await buildOnce(house);
    house.runner.installed = [toolchainImage("demo", "sha256:new")];
    house.forgetImages();
    const second = await buildOnce(house);
    expect(second.key).not.toBe(first.key);
    expect(house.runner.runs.map(({ spec }) => spec.image.digest)).toEqual(["sha256:demo", "sha256:new"]);
    expect(second.cached).toBe(false);
  });

  test("when its base layout changed, and the same one again when that is taken back", async () => {
    const layouts = temporaryDirectory();
    const base = join(layouts, "Demo-Base.json");
    copyFileSync(join(repositoryLayouts, "Demo-Base.json"), base);
    const house = openHouse({ layouts });
    const first = await buildOnce(house);
    const original = readFileSync(base, "utf8");
    writeFileSync(base, original.replace('"key": "ESC"', '"key": "F24"'));
    const second = await buildOnce(house);
    expect(second.key).not.toBe(first.key);
    expect(house.runner.runs[1]?.spec.files[0]?.text).toContain('U"F24" : U"ESC";');
    writeFileSync(base, original);
    expect(await house.service.build(sound, requester())).toEqual({ ...first, cached: true });
  });

  test("when its version points to another container", async () => {
    const house = openHouse();
    const first = await buildOnce(house);
    house.databases.config.exec("UPDATE Versions SET container = 'controller-057' WHERE name = 'demo'");
    const second = await buildOnce(house);
    expect(house.runner.runs[1]?.spec.image.name).toBe("kiisrv-controller-057");
    expect(second.key).not.toBe(first.key);
  });
});

test("every request is counted; the time only for the one that ran", async () => {
  const house = openHouse();
  await buildOnce(house);
  await house.service.build(sound, { client: "bob", address: "192.0.2.1", os: "Mac", web: false });
  const read = house.databases.stats.prepare(
    "SELECT ip_addr, os, web, board, variant, layers, container, success, build_duration FROM Requests",
  );
  await counted();
  const same = { board: "Demo", variant: "Standard", layers: 3, container: "controller-demo", success: 1 };
  expect(read.all()).toEqual([
    { ip_addr: "ada", os: "Linux", web: 1, ...same, build_duration: 1234 },
    { ip_addr: "192.0.2.1", os: "Mac", web: 0, ...same, build_duration: null },
  ]);
});
