import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { chmod, chown, copyFile, mkdir, open, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import SQLite from "better-sqlite3";
import Docker from "dockerode";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { lockDirectory } from "../../src/store/lock.ts";
import { proxyDaemon } from "../support/daemon-proxy.ts";
import { imageForTest, Patient, type Report } from "../support/e2e-doctor.ts";
import { SmallDisk, testAsRoot } from "../support/e2e-root.ts";
import { lyingDaemon } from "../support/lying-daemon.ts";

const run = promisify(execFile);
const docker = new Docker();
const demo = "kiisrv-controller-demo";

/** Root, but bound to the permissions of files as anybody is. */
const mortal = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];

let patient: Patient;
/** What is not as it should be on this machine whatever is planted: an image too many, a lower limit. */
let before: string[] | undefined;

beforeEach(async () => {
  patient = await Patient.create();
  before ??= (await patient.doctor()).bad;
});

/** What a fault adds to what was wrong before. */
function added(report: Report): string[] {
  return report.bad.filter((id) => !before?.includes(id));
}

async function finds(id: string, ...args: string[]) {
  const report = await patient.doctor(...args);
  expect(added(report)).toEqual([id]);
  const found = report.find(id);
  expect(report.code).toBe(found.status === "fail" ? 1 : 0);
  return found;
}

async function isContent(...args: string[]): Promise<void> {
  const report = await patient.doctor(...args);
  expect(added(report)).toEqual([]);
  expect(report.code).toBe(0);
}

test("an installation that is fine: paths and sandbox are proved, and nothing is left behind", async () => {
  const report = await patient.doctor();
  expect(report.code).toBe(0);
  const proved = report.checks.filter(({ group }) => group === "paths" || group === "sandbox");
  expect(proved.filter(({ status }) => status !== "ok")).toEqual([]);
  expect(proved.length).toBeGreaterThan(10);
  expect(await patient.leftovers()).toEqual([]);
  expect(await containers()).toEqual([]);
});

test("before the first start there is nothing, and that is no fault; nothing is there afterwards", async () => {
  for (const directory of [patient.data, patient.config, patient.builds])
    await rm(directory, { recursive: true });
  await isContent();
  for (const directory of [patient.data, patient.config, patient.builds]) {
    await expect(readFile(directory)).rejects.toThrow("ENOENT");
  }
});

test("^C ends it, and what it made is gone", async () => {
  const events = await docker.getEvents({ filters: { label: [`kiisrv.instance=${patient.instance}`] } });
  const begun = once(events, "data");
  const doctor = patient.start();
  const closed = once(doctor, "close");
  await begun;
  doctor.kill("SIGINT");
  const [code] = await closed;
  expect(code).toBe(1);
  expect(await containers()).toEqual([]);
  expect(await patient.leftovers()).toEqual([]);
});

describe("the daemon", () => {
  const socketPath = () => join(patient.root, "docker.sock");

  testAsRoot("its socket is of a group that is not ours", async () => {
    const proxy = await proxyDaemon(socketPath());
    onTestFinished(() => proxy.close());
    await chown(socketPath(), 4242, 4242);
    await chmod(socketPath(), 0o660);
    patient.environment.DOCKER_HOST = `unix://${socketPath()}`;
    patient.wrapper = mortal;
    const { mend } = await finds("daemon.permission", "--quick");
    const [, group = ""] = /(?:--group-add|--gid) (\d+)/.exec(mend) ?? [];
    patient.wrapper = [...mortal, "--groups", group];
    await isContent("--quick");
  });

  test("it does not run: there is no socket", async () => {
    patient.environment.DOCKER_HOST = `unix://${socketPath()}`;
    await finds("daemon.socket", "--quick");
    const started = await proxyDaemon(socketPath());
    onTestFinished(() => started.close());
    await isContent("--quick");
  });

  test("it hangs, and the doctor does not", async () => {
    const proxy = await proxyDaemon(socketPath());
    proxy.freeze();
    patient.environment.DOCKER_HOST = `unix://${socketPath()}`;
    expect(await finds("daemon.answers")).toMatchObject({ mend: expect.stringContaining("restart docker") });
    await proxy.close();
    const restarted = await proxyDaemon(socketPath());
    onTestFinished(() => restarted.close());
    await isContent("--quick");
  });

  test("its clock is an hour ahead, as it says", async () => {
    let ahead = 3_600_000;
    await lyingDaemon(socketPath(), (info) => ({
      ...info,
      SystemTime: new Date(Date.now() + ahead).toISOString(),
    }));
    patient.environment.DOCKER_HOST = `unix://${socketPath()}`;
    expect(await finds("daemon.clock", "--quick")).toMatchObject({
      found: expect.stringMatching(/3[56]\d\d s ahead/),
    });
    ahead = 0;
    await isContent("--quick");
  });

  test("it says what would move a terminal's cursor, and nothing does", async () => {
    const evil = "\u001b[2J\u009b31m\u202e";
    await lyingDaemon(socketPath(), (info) => ({ ...info, Warnings: [`WARNING: ${evil}`] }));
    patient.environment.DOCKER_HOST = `unix://${socketPath()}`;
    const { found } = (await patient.doctor("--quick")).find("daemon.warnings");
    expect(found).toBe("WARNING: \ufffd[2J\ufffd31m\ufffd");
  });

  test("a container was left over", async () => {
    const { id } = await docker.createContainer({
      Image: demo,
      Labels: { "kiisrv.instance": patient.instance },
    });
    onTestFinished(async () => {
      await run("docker", ["rm", "--force", id]).catch(() => undefined);
    });
    await patient.carryOut(await finds("daemon.containers", "--quick"), "docker rm");
    await isContent("--quick");
  });

  test("its memory does not do for the builds at once", async () => {
    const { MemTotal, NCPU } = await docker.info();
    patient.environment.KIISRV_CONCURRENCY = String(4 * NCPU);
    patient.environment.KIISRV_BUILD_MEMORY_MIB = String(Math.floor(MemTotal / 2 ** 20 / (2 * NCPU)));
    patient.setAsSaid(await finds("daemon.memory", "--quick"));
    await isContent("--quick");
  });
});

describe("images", () => {
  test("that of a version is missing", async () => {
    const name = imageForTest();
    patient.offer(name);
    const found = await finds("images.versions", "--quick");
    expect(found.found).toContain(`demo (kiisrv-controller-${name})`);
    await run("docker", ["tag", demo, `kiisrv-controller-${name}`]);
    await isContent("--quick");
  });

  test("one follows a contract nobody knows", async () => {
    const image = `kiisrv-controller-${imageForTest()}`;
    const directory = join(patient.root, "image");
    await mkdir(directory);
    await writeFile(join(directory, "Dockerfile"), `FROM ${demo}\nLABEL kiisrv.contract=tar\n`);
    await run("docker", ["build", "--quiet", "--tag", image, directory]);
    await patient.carryOut(await finds("images.contract", "--quick"), "docker image rm");
    await isContent("--quick");
  });

  test("one is made for another machine", async () => {
    const image = `kiisrv-controller-${imageForTest()}`;
    await loadForeignImage(image);
    await patient.carryOut(await finds("images.platform", "--quick"), "docker image rm");
    await isContent("--quick");
  });
});

describe("paths", () => {
  test("HOST_TMP_BUILDS is another directory than the server's", async () => {
    const elsewhere = join(patient.root, "elsewhere");
    await mkdir(elsewhere);
    patient.environment.HOST_TMP_BUILDS = elsewhere;
    // The daemon takes no source that is not there; and a name of the rehearsal's nobody can know beforehand.
    expect(await finds("paths.container")).toMatchObject({
      mend: expect.stringContaining("HOST_TMP_BUILDS"),
    });
    delete patient.environment.HOST_TMP_BUILDS;
    await isContent();
  });

  test("HOST_TMP_CONFIG is nowhere", async () => {
    patient.environment.HOST_TMP_CONFIG = "/nowhere/config";
    expect(await finds("paths.container")).toMatchObject({
      found: expect.stringContaining("/nowhere/config"),
    });
    patient.environment.HOST_TMP_CONFIG = patient.config;
    await isContent();
  });
});

describe("storage", () => {
  testAsRoot("a disk is full", async () => {
    const disk = await SmallDisk.mount(join(patient.root, "artifacts"), "16m");
    Object.assign(patient.environment, {
      KIISRV_ARTIFACTS: disk.path,
      KIISRV_BUILD_OUTPUT_MIB: "1",
      KIISRV_MIN_FREE_MIB: "1",
    });
    await isContent("--quick");
    const large = join(disk.path, "large");
    await mkdir(large);
    await writeFile(join(large, "file"), Buffer.alloc(16 * 2 ** 20 - 64 * 1024));
    const found = await finds("storage.space", "--quick");
    // The mend shows what takes the room; to remove it is the operator's part.
    expect(await patient.carryOut(found, "du")).toContain(large);
    await rm(large, { recursive: true });
    await isContent("--quick");
  });

  testAsRoot("a file system is out of inodes", async () => {
    const disk = await SmallDisk.mount(join(patient.root, "artifacts"), "4g,nr_inodes=20000");
    patient.environment.KIISRV_ARTIFACTS = disk.path;
    await isContent("--quick");
    const many = join(disk.path, "many");
    await run("sh", ["-ec", `mkdir "$1"; cd "$1"; seq 19950 | xargs touch`, "sh", many]);
    const found = await finds("storage.files", "--quick");
    expect(await patient.carryOut(found, "du")).toContain(many);
    await rm(many, { recursive: true });
    await isContent("--quick");
  });

  testAsRoot("a directory cannot be written", async () => {
    patient.wrapper = mortal;
    await chmod(patient.builds, 0o500);
    await patient.carryOut(await finds("storage.writable", "--quick"), "chown");
    await isContent("--quick");
  });

  testAsRoot("a file system is mounted read-only", async () => {
    const disk = await SmallDisk.mount(join(patient.root, "artifacts"), "1g");
    patient.environment.KIISRV_ARTIFACTS = disk.path;
    await run("mount", ["-o", "remount,ro", disk.path]);
    await patient.carryOut(await finds("storage.writable", "--quick"), "mount");
    await isContent("--quick");
  });

  test("file systems hang, and the doctor does not", async () => {
    const bin = join(patient.root, "bin");
    await mkdir(bin);
    await writeFile(join(bin, "stat"), "#!/bin/sh\nexec sleep 600\n", { mode: 0o755 });
    const path = process.env.PATH ?? "";
    patient.environment.PATH = `${bin}:${path}`;
    const report = await patient.doctor("--quick");
    expect(report.code).toBe(1);
    const hanging = ["storage.writable", "databases.integrity", "layouts.library"];
    for (const id of hanging) expect(report.find(id).found).toContain("does not answer within");
    expect(report.find("daemon.answers").status).toBe("ok");
    patient.environment.PATH = path;
    await isContent("--quick");
  });

  test("everybody may write to the data", async () => {
    await chmod(patient.data, 0o777);
    await patient.carryOut(await finds("storage.private", "--quick"), "chmod");
    await isContent("--quick");
  });
});

describe("databases", () => {
  testAsRoot("one may only be read", async () => {
    patient.wrapper = mortal;
    const file = join(patient.data, "stats.db");
    await chown(file, 4242, 4242);
    await chmod(file, 0o444);
    await patient.carryOut(await finds("databases.writable", "--quick"), "chown");
    await isContent("--quick");
  });

  test("one is damaged", async () => {
    const file = join(patient.data, "builds.db");
    await using handle = await open(file, "r+");
    const { size } = await handle.stat();
    await handle.write(Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096);
    await patient.carryOut(await finds("databases.integrity"), "mv");
    await isContent();
    await expect(readFile(`${file}.damaged`)).resolves.toHaveLength(size);
  });

  test("one is of a newer release", async () => {
    const file = join(patient.data, "config.db");
    await copyFile(file, join(patient.root, "backup"));
    const database = new SQLite(file);
    database.pragma("user_version = 99");
    database.close();
    await finds("databases.schema", "--quick");
    await copyFile(join(patient.root, "backup"), file);
    await isContent("--quick");
  });

  test("a process that answers nobody holds the data", async () => {
    const lock = lockDirectory(patient.data);
    onTestFinished(() => lock.release());
    expect(await finds("databases.owner", "--quick")).toMatchObject({
      found: expect.stringContaining("lock.db"),
    });
    lock.release();
    await isContent("--quick");
  });
});

describe("the rest", () => {
  test("a value that cannot be read", async () => {
    patient.environment.KIISRV_BUILD_PIDS = "lots";
    const found = await finds("configuration.values", "--quick");
    expect(found.found).toContain("KIISRV_BUILD_PIDS=lots");
    patient.setAsSaid(found);
    await isContent("--quick");
  });

  test("a variable that is misspelt", async () => {
    patient.environment.KIISRV_CONCURENCY = "2";
    const { mend } = await finds("configuration.unknown", "--quick");
    const [, wrong = "", right = ""] = /^rename (\S+) to (\S+)$/.exec(mend) ?? [];
    const { [wrong]: value = "", ...others } = patient.environment;
    patient.environment = { ...others, [right]: value };
    await isContent("--quick");
  });

  test("the port is another program's", async () => {
    const other = createServer((socket) => socket.resume().end("220 welcome\r\n")).listen(
      patient.port,
      "127.0.0.1",
    );
    await once(other, "listening");
    onTestFinished(async () => {
      await new Promise((resolve) => other.close(resolve));
    });
    patient.setAsSaid(await finds("network.port", "--quick"));
    expect(patient.environment.KIISRV_PORT).toMatch(/^\d+$/);
    await isContent("--quick");
  });

  test("a layout is broken", async () => {
    await writeFile(join(patient.layouts, "Demo-Torn.json"), '{ "header": {');
    await patient.carryOut(await finds("layouts.valid", "--quick"), "mv");
    await isContent("--quick");
  });

  test("the server is started where its layouts are not", async () => {
    patient.environment.KIISRV_LAYOUTS = join(patient.root, "elsewhere", "layouts");
    const { found } = await finds("layouts.library", "--quick");
    expect(found).toContain(`${patient.environment.KIISRV_LAYOUTS} is not there`);
    patient.environment.KIISRV_LAYOUTS = patient.layouts;
    await isContent("--quick");
  });

  test("there is no git", async () => {
    const bin = join(patient.root, "bin");
    await mkdir(bin);
    patient.environment.PATH = bin;
    await finds("machine.git", "--quick");
    const { stdout } = await run("sh", ["-c", "command -v git"]);
    await symlink(stdout.trim(), join(bin, "git"));
    await isContent("--quick");
  });
});

/** The ids of this patient's containers. */
async function containers(): Promise<string[]> {
  const filters = { label: [`kiisrv.instance=${patient.instance}`] };
  return (await docker.listContainers({ all: true, filters })).map(({ Id }) => Id);
}

/** Gives the daemon an empty image that says it is for a processor nobody has here. */
async function loadForeignImage(name: string): Promise<void> {
  const directory = join(patient.root, "foreign");
  await mkdir(directory);
  const layer = Buffer.alloc(1024);
  const digest = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
  const config = Buffer.from(
    JSON.stringify({
      architecture: "s390x",
      os: "linux",
      config: { Labels: { "kiisrv.contract": "files", "kiisrv.family": "demo" } },
      rootfs: { type: "layers", diff_ids: [`sha256:${digest(layer)}`] },
    }),
  );
  const manifest = [
    { Config: `${digest(config)}.json`, RepoTags: [`${name}:latest`], Layers: ["layer.tar"] },
  ];
  await writeFile(join(directory, "layer.tar"), layer);
  await writeFile(join(directory, `${digest(config)}.json`), config);
  await writeFile(join(directory, "manifest.json"), JSON.stringify(manifest));
  await run("sh", ["-ec", 'tar -C "$1" -c . | docker load', "sh", directory]);
}
