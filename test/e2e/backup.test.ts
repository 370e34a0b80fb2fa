import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { BuildStore, openBuilds } from "../../src/store/builds.ts";
import { repository } from "../support/app.ts";
import type { Answer } from "../support/e2e-client.ts";
import { ContainerWatch } from "../support/e2e-containers.ts";
import { standIn } from "../support/e2e-images.ts";
import { SmallDisk, testAsRoot } from "../support/e2e-root.ts";
import { layout, ServerProcess, serverForTest } from "../support/e2e-server.ts";

const versions = { latest: standIn("toolchain") };

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "kiisrv-e2e-backup-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Starts a command with the directories of a server. */
function start({ directories }: ServerProcess, ...args: string[]): ChildProcess {
  const { data, layouts, tmpConfig, tmpBuilds, artifacts } = directories;
  return spawn(process.execPath, ["src/main.ts", ...args], {
    cwd: repository,
    env: {
      ...process.env,
      KIISRV_DATA: data,
      KIISRV_LAYOUTS: layouts,
      KIISRV_TMP_CONFIG: tmpConfig,
      KIISRV_TMP_BUILDS: tmpBuilds,
      KIISRV_ARTIFACTS: artifacts,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** Runs one to its end; what it printed. @throws Error with what it complained of */
async function run(server: ServerProcess, ...args: string[]): Promise<string> {
  const child = start(server, ...args);
  const [output, complaint, [code]] = await Promise.all([
    child.stdout ? text(child.stdout) : "",
    child.stderr ? text(child.stderr) : "",
    once(child, "close"),
  ]);
  if (code !== 0) throw new Error(complaint);
  return output;
}

/** Another server, of directories of its own, that does not run. */
async function elsewhere(): Promise<ServerProcess> {
  const other = await ServerProcess.create();
  onTestFinished(() => other.remove());
  return other;
}

/** The layouts a client posts, each another build. */
function numbered(number: number) {
  const document = layout("compiles");
  document.header.Author = `Author ${number}`;
  return document;
}

async function counts(server: ServerProcess): Promise<unknown> {
  return (await fetch(`${server.url}/stats`, { headers: { Accept: "application/json" } })).json();
}

test("backups of a server that builds all the while: each, restored elsewhere, answers as it did", async () => {
  const server = await serverForTest({ versions });
  const place = await scratch();
  const answers: Answer[] = [];
  let over = false;
  const building = (async () => {
    while (!over) answers.push(await server.post(numbered(answers.length)));
  })();
  const files = ["1.tar.gz", "2.tar.gz", "3.tar.gz"].map((name) => join(place, name));
  for (const file of files.slice(0, 2)) {
    const before = answers.length;
    while (answers.length === before) await sleep(10);
    await run(server, "backup", file, "--artifacts");
  }
  for (const signal of ["SIGINT", "SIGKILL"] as const) {
    const child = start(server, "backup", join(place, "broken.tar.gz"), "--artifacts");
    const closed = once(child, "close");
    await once(child, "spawn");
    await sleep(150 + Math.random() * 300);
    child.kill(signal);
    await closed;
  }
  over = true;
  await building;
  await run(server, "backup", files[2] ?? "", "--artifacts", "--force");
  expect(readdirSync(place).filter((name) => name !== "broken.tar.gz")).toEqual([
    "1.tar.gz",
    "2.tar.gz",
    "3.tar.gz",
  ]);

  for (const file of files) {
    const other = await elsewhere();
    expect(await run(other, "restore", file, "--force")).toMatch(
      /restored the backup of .*: \d+ builds, \d+ zips/,
    );
    const kept = artifactsOf(other);
    expect(kept.length).toBeGreaterThan(0);
    await other.start();
    expect(other.instance).not.toBe(server.instance);
    for (const name of kept) {
      const response = await fetch(`${other.url}/tmp/${name}`);
      expect(response.status).toBe(200);
      const was = readFileSync(join(server.directories.artifacts, name));
      expect(was.equals(Buffer.from(await response.arrayBuffer()))).toBe(true);
    }
    if (file !== files[2]) continue;
    const watch = await ContainerWatch.open();
    expect(await counts(other)).toEqual(await counts(server));
    for (const [number, { filename }] of answers.entries()) {
      expect(await other.post(numbered(number))).toMatchObject({ status: 200, success: true, filename });
    }
    expect(await watch.made(other.instance)).toEqual([]);
  }
});

/** The artifacts that a server which does not run would answer with. */
function artifactsOf({ directories }: ServerProcess): string[] {
  const database = openBuilds(join(directories.data, "builds.db"));
  try {
    return [...new BuildStore(database).uses().keys()];
  } finally {
    database.close();
  }
}

test("kill -9 in a restore or a gc: the server starts, with what was there or what was restored", async () => {
  const server = await serverForTest({ versions });
  const place = await scratch();
  const file = join(place, "backup.tar.gz");
  const answer = await server.post(numbered(1));
  await run(server, "backup", file, "--artifacts");
  for (const [index, args] of [
    ["restore", file, "--force"],
    ["gc"],
    ["restore", file, "--force"],
  ].entries()) {
    server.signal("SIGTERM");
    await server.ended();
    const child = start(server, ...args);
    // It may be done before it is killed.
    const closed = once(child, "close");
    await once(child, "spawn");
    await sleep(250 + index * 100 + Math.random() * 200);
    child.kill("SIGKILL");
    await closed;
    await server.start();
    expect(await server.post(numbered(1))).toMatchObject({
      status: 200,
      success: true,
      filename: answer.filename,
    });
    expect(readdirSync(server.directories.data).filter((name) => name.startsWith("."))).toEqual([]);
  }
});

test("a restore asks for a server to be stopped, and one that runs is not disturbed", async () => {
  const server = await serverForTest({ versions });
  const file = join(await scratch(), "backup.tar.gz");
  const answer = await server.post(numbered(1));
  await run(server, "backup", file);
  await expect(run(server, "restore", file, "--force")).rejects.toThrow(/a server uses .*; stop it first/);
  expect(await run(server, "gc", "--dry-run")).toMatch(/would free \d+ bytes/);
  expect(await run(server, "gc")).toMatch(/freed \d+ bytes/);
  expect(await server.post(numbered(1))).toMatchObject({ filename: answer.filename });
  expect(existsSync(join(server.directories.artifacts, answer.filename.replace("./tmp/", "")))).toBe(true);
});

testAsRoot(
  "a disk that is nearly full: no new builds and a reason, what is there is served, and on once there is room",
  async () => {
    const path = await mkdtemp(join(tmpdir(), "kiisrv-e2e-low-"));
    onTestFinished(() => rm(path, { recursive: true, force: true }));
    const disk = await SmallDisk.mount(path, "64m");
    const environment = { KIISRV_MIN_FREE_MIB: "32", KIISRV_MIN_FREE_INODES: "0" };
    const server = await serverForTest({ versions, directories: { artifacts: disk.path }, environment });
    const built = await server.post(numbered(1));
    expect(built).toMatchObject({ status: 200, success: true });

    await disk.resize("24m");
    await sleep(2100);
    expect(await server.post(numbered(2))).toMatchObject({ status: 503, code: "storage-low" });
    expect(await server.post(numbered(3))).toMatchObject({ status: 503, code: "storage-low" });
    expect(await server.post(numbered(1))).toMatchObject({ status: 200, filename: built.filename });
    const ready = await fetch(`${server.url}/readyz`);
    expect(ready.status).toBe(503);
    expect(((await ready.json()) as { error: string }).error).toMatch(
      /disk of KIISRV_ARTIFACTS has \d+ MiB left/,
    );
    expect(server.log.filter((line) => line.includes("no builds for want of disk space"))).toHaveLength(1);

    await disk.resize("64m");
    await sleep(2100);
    expect(await server.post(numbered(2))).toMatchObject({ status: 200, success: true });
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  },
);
