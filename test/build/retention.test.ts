import { mkdtempSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { expired, Retention } from "../../src/build/retention.ts";
import { ArtifactStore, type KeptArtifact } from "../../src/store/artifacts.ts";
import { BuildStore, openBuilds } from "../../src/store/builds.ts";

const minute = 60_000;
const day = 24 * 60 * minute;
const now = 1_800_000_000_000;
const key = "0123456789abcdef".repeat(4);

function artifact(name: string, age: number, bytes = 100): KeptArtifact {
  return { name, bytes, published: now - age };
}

function names(artifacts: KeptArtifact[]): string[] {
  return artifacts.map(({ name }) => name);
}

test("keeps everything while there is room", () => {
  const kept = [artifact(`A-B-${key}.zip`, 400 * day), artifact(`A-C-${key}_error.zip`, 400 * day)];
  expect(expired(kept, 200, now)).toEqual([]);
  expect(expired([...kept, artifact("A-D-0.zip", 300 * day, 1e12)], 0, now)).toEqual([]);
});

test("lets the oldest go until the rest fits, however they are listed", () => {
  const kept = [artifact("new.zip", day), artifact("oldest.zip", 3 * day), artifact("older.zip", 2 * day)];
  expect(names(expired(kept, 299, now))).toEqual(["oldest.zip"]);
  expect(names(expired(kept, 100, now))).toEqual(["oldest.zip", "older.zip"]);
});

test("never takes what was published just now", () => {
  expect(expired([artifact("large.zip", minute, 1000)], 1, now)).toEqual([]);
});

test("lets outcomes that do not repeat themselves go after a day, whatever room there is", () => {
  const timedOut = `A-B-${key}0a1b2c3d_error.zip`;
  const failed = `A-B-${key}_error.zip`;
  const kept = [
    artifact(timedOut, 2 * day),
    artifact(failed, 2 * day),
    artifact(`A-C-${key}0a1b2c3d_error.zip`, minute),
  ];
  expect(names(expired(kept, 0, now))).toEqual([timedOut]);
});

test("deletes the files and what the cache knows of them", async () => {
  const directory = mkdtempSync(join(tmpdir(), "kiisrv-retention-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const artifacts = new ArtifactStore(directory);
  const database = openBuilds(":memory:");
  const builds = new BuildStore(database);
  for (const [index, name] of ["old.zip", "new.zip"].entries()) {
    const id = `build-${index}`;
    const spec = {
      contract: 1 as const,
      image: { name: "image", digest: null },
      command: [],
      environment: {},
      files: [],
      document: "",
      limits: {
        wallSeconds: 1,
        memoryBytes: 1,
        cpus: 1,
        pids: 1,
        outputBytes: 1,
        outputFiles: 1,
        logBytes: 1,
      },
      outputs: [],
    };
    const row = { board: "A", layout: "B", version: "v", container: "c", image: "", client: "x" };
    builds.create({ id, key: String(index).repeat(64), ...row, spec, origins: {} });
    builds.start(id);
    const published = await artifacts.publish(name, Buffer.alloc(1000));
    builds.finish(id, { status: "succeeded", milliseconds: 1, artifact: published, reason: "", log: "" });
  }
  utimesSync(join(directory, "old.zip"), 1, 1);

  const retention = new Retention({ artifacts, builds, logger: pino({ level: "silent" }) }, 1500);
  await retention.start();
  retention.stop();

  expect(names(await artifacts.list())).toEqual(["new.zip"]);
  expect(builds.cached("0".repeat(64))).toBeUndefined();
  expect(builds.cached("1".repeat(64))?.artifact?.name).toBe("new.zip");
  database.close();
});
