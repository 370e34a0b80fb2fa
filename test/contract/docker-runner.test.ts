import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { createDockerRunner } from "../../src/runner/docker.ts";
import type { Runner } from "../../src/runner/runner.ts";
import type { BuildSpec } from "../../src/spec/spec.ts";
import { daemonAddress, proxyDaemon } from "../support/daemon-proxy.ts";
import { buildImage, removeImage } from "../support/images.ts";
import { newBuildId, testSpec, texts } from "../support/runner.ts";
import { runnerContract } from "./runner.ts";

const execute = promisify(execFile);
const docker = new Docker();
const instance = `test-${randomUUID()}`;
const neighbour = `neighbour-${instance}`;
const hostile = { name: `kiisrv-controller-hostile-${instance}`, digest: "" };
const field = { name: `kiisrv-controller-field-${instance}`, digest: "" };
let root: string;
let runner: Runner;

function directories(below: string) {
  return { tmpConfig: join(below, "config"), tmpBuilds: join(below, "builds") };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "kiisrv-runner-"));
  runner = createDockerRunner({ docker, directories: directories(root), instance });
  hostile.digest = await buildImage(hostile.name, "hostile");
  field.digest = await buildImage(field.name, "field");
});

afterAll(async () => {
  // A test that failed half-way may have left some.
  for (const owner of [instance, neighbour]) {
    for (const name of await containersOf(owner))
      await docker.getContainer(name.slice(1)).remove({ force: true });
  }
  await removeImage(hostile.name);
  await removeImage(field.name);
  await rm(root, { recursive: true, force: true });
});

async function containersOf(label: string): Promise<string[]> {
  const filters = { label: [`kiisrv.instance=${label}`] };
  const containers = await docker.listContainers({ all: true, filters });
  return containers.flatMap(({ Names }) => Names);
}

async function leftovers(): Promise<string[]> {
  const { tmpConfig, tmpBuilds } = directories(root);
  const lists = await Promise.all([readdir(tmpConfig), readdir(tmpBuilds), containersOf(instance)]);
  return lists.flat();
}

runnerContract("the Docker runner", () => ({ runner, hostile, leftovers }));

describe("an image from the field", () => {
  function run(spec: Partial<BuildSpec>) {
    const whole = { ...testSpec(field, ["keyboard.bash"]), ...spec };
    return runner.run(whole, { id: newBuildId(), signal: new AbortController().signal });
  }

  test("its archive's entries are the outputs", async () => {
    const environment = { DefaultMapOverride: "stdFuncMap Demo-Standard-0", Layout: "Standard" };
    const result = await run({ environment });
    expect(result).toMatchObject({ status: "succeeded", exitCode: 0 });
    expect(result.log).toContain("DefaultMapOverride=stdFuncMap Demo-Standard-0");
    expect(texts(result.outputs)).toEqual({
      "Demo-Standard-0.kll": 'U"A" : U"B";\n',
      "Demo-Standard.json": '{"header":{}}\n',
      "kiibohd.dfu.bin": 'U"A" : U"B";\n',
      "kll/Demo-Standard-0.kll": 'U"A" : U"B";\n',
      "log/build.log": "built as root\n",
    });
    expect(await leftovers()).toEqual([]);
  });

  test("a split board gives both halves", async () => {
    const outputs = ["left_kiibohd.dfu.bin", "right_kiibohd.dfu.bin"];
    const result = await run({ environment: { SPLIT_KEYBOARD: "1" }, outputs });
    expect(result.status).toBe("succeeded");
    expect(Object.keys(texts(result.outputs))).toEqual(expect.arrayContaining(outputs));
  });

  test("one that fails leaves its log in the error archive", async () => {
    const result = await run({ files: [{ name: "Demo-0.kll", text: "syntax error\n" }] });
    expect(result).toMatchObject({ status: "failed", exitCode: 2 });
    expect(texts(result.outputs)["log/build.log"]).toContain("./Demo-0.kll:1:syntax error");
    expect(await leftovers()).toEqual([]);
  });
});

describe("reap", () => {
  const former = () => `former-${randomUUID()}`;

  async function leave(id: string, owner: string): Promise<void> {
    const Labels = { "kiisrv.instance": owner, "kiisrv.build": id };
    const container = await docker.createContainer({ Image: hostile.digest, Cmd: ["sleeps"], Labels });
    await container.start();
    await leaveDirectories(id);
  }

  async function leaveDirectories(id: string): Promise<void> {
    for (const directory of Object.values(directories(root))) {
      await mkdir(join(directory, id, "deep"), { recursive: true });
    }
  }

  test("removes what a former life left, and nothing else", async () => {
    const [ours, bare, others] = [former(), former(), former()];
    await leave(ours, instance);
    await leave(others, neighbour);
    await leaveDirectories(bare);
    const published = join(directories(root).tmpBuilds, "Demo-Standard-0123.zip");
    await writeFile(published, "zip");

    const abort = new AbortController();
    const live = newBuildId();
    const running = Promise.withResolvers<void>();
    const run = runner.run(testSpec(hostile, ["sleeps"]), {
      id: live,
      signal: abort.signal,
      onLog: () => running.resolve(),
    });
    await running.promise;

    expect(await runner.reap()).toBe(1);
    expect(await containersOf(instance)).toEqual([`/kiisrv-${live}`]);
    expect(await containersOf(neighbour)).toHaveLength(1);
    expect((await leftovers()).sort()).toEqual(
      [others, live, others, live, "Demo-Standard-0123.zip", `/kiisrv-${live}`].sort(),
    );
    abort.abort();
    expect(await run).toMatchObject({ status: "cancelled" });

    const other = createDockerRunner({ docker, directories: directories(root), instance: neighbour });
    expect(await other.reap()).toBe(1);
    await rm(published);
    expect(await leftovers()).toEqual([]);
  });
});

describe("what a rehearsal left", () => {
  async function leaveRehearsal(): Promise<string> {
    const id = `rehearsal-${randomUUID()}`;
    const Labels = { "kiisrv.instance": instance, "kiisrv.rehearsal": id };
    await docker.createContainer({ Image: hostile.digest, Cmd: ["sleeps"], Labels });
    await mkdir(join(directories(root).tmpConfig, id), { recursive: true });
    return id;
  }

  test("is left alone while it may be under way, and removed afterwards", async () => {
    const id = await leaveRehearsal();
    expect(await runner.reap()).toBe(0);
    expect(await readdir(directories(root).tmpConfig)).toEqual([id]);
    vi.setSystemTime(Date.now() + 61_000);
    onTestFinished(() => void vi.useRealTimers());
    expect(await runner.reap()).toBe(1);
    expect(await leftovers()).toEqual([]);
  });
});

describe("a daemon that goes away while a build runs", () => {
  test.each([
    ["drops its connections", "cut"],
    ["falls silent", "freeze"],
  ] as const)("it %s", async (_name, fail) => {
    const proxy = await proxyDaemon(join(root, `${randomUUID()}.sock`));
    const warnings: string[] = [];
    const cutOff = createDockerRunner({
      docker: new Docker({ socketPath: proxy.socketPath }),
      directories: directories(root),
      instance,
      patience: 1000,
      logger: { debug: () => undefined, warn: (_details, message) => warnings.push(message) },
    });
    const run = cutOff.run(testSpec(hostile, ["sleeps"], { wallSeconds: 2 }), {
      id: newBuildId(),
      signal: new AbortController().signal,
      onLog: () => proxy[fail](),
    });
    await expect(run).rejects.toMatchObject({ code: "runner-unavailable" });
    expect(warnings).toContain("container not removed");
    await proxy.close();
    expect(await containersOf(instance)).toHaveLength(1);
    expect(await runner.reap()).toBe(1);
    expect(await leftovers()).toEqual([]);
  });
});

describe.runIf(process.getuid?.() === 0)("a server that is not root", () => {
  const groups = process.getgroups?.() ?? [];
  let home: string;
  let unprivileged: Runner;

  beforeAll(async () => {
    const address = daemonAddress();
    // Whoever may talk to the daemon is of its socket's group.
    if ("path" in address) process.setgroups?.([(await stat(address.path)).gid]);
    process.setegid?.(1000);
    process.seteuid?.(1000);
    home = await mkdtemp(join(tmpdir(), "kiisrv-runner-"));
    unprivileged = createDockerRunner({ docker, directories: directories(home), instance });
  });

  afterAll(async () => {
    process.seteuid?.(0);
    process.setegid?.(0);
    process.setgroups?.(groups);
    await rm(home, { recursive: true, force: true });
  });

  async function run(spec: BuildSpec) {
    const result = await unprivileged.run(spec, { id: newBuildId(), signal: new AbortController().signal });
    const { tmpConfig, tmpBuilds } = directories(home);
    expect(await readdir(tmpConfig)).toEqual([]);
    expect(await readdir(tmpBuilds)).toEqual([]);
    expect(await containersOf(instance)).toEqual([]);
    return result;
  }

  test("its builds run as itself", async () => {
    const { status, outputs } = await run(testSpec(hostile, ["sandbox"]));
    expect(status).toBe("succeeded");
    expect(texts(outputs)["sandbox.txt"]).toMatch(/^Uid:\s+1000\s+1000\s+1000\s+1000\n/);
  });

  test.each(["locked", "deep"])("what nobody can look into is too much, and removed: %s", async (command) => {
    expect(await run(testSpec(hostile, [command]))).toMatchObject({ status: "limit-exceeded" });
  });

  test("what the root of a field image leaves is removed", async () => {
    const result = await run(testSpec(field, ["keyboard.bash"]));
    expect(result).toMatchObject({ status: "succeeded", exitCode: 0 });
    expect(result.log).not.toContain("mv:");
  });
});

describe.runIf(process.getuid?.() === 0)("a disk that is full", () => {
  let disk: string;

  beforeAll(async () => {
    disk = await mkdtemp(join(tmpdir(), "kiisrv-disk-"));
    await execute("mount", ["-t", "tmpfs", "-o", "size=8m", "kiisrv-test", disk]);
  });

  afterAll(async () => {
    await execute("umount", [disk]);
    await rm(disk, { recursive: true });
  });

  test("a build that fails for want of space is a fault", async () => {
    const full = createDockerRunner({ docker, directories: directories(disk), instance });
    const spec = testSpec(hostile, ["fills_disk"], { outputBytes: 32 * 1024 * 1024 });
    const run = full.run(spec, { id: newBuildId(), signal: new AbortController().signal });
    await expect(run).rejects.toMatchObject({ code: "storage-failed" });
    expect(await readdir(directories(disk).tmpBuilds)).toEqual([]);
  });

  test("inputs that do not fit are a fault", async () => {
    const full = createDockerRunner({ docker, directories: directories(disk), instance });
    const spec = testSpec(hostile, ["well"]);
    spec.files.push({ name: "large.kll", text: "x".repeat(16 * 1024 * 1024) });
    const run = full.run(spec, { id: newBuildId(), signal: new AbortController().signal });
    await expect(run).rejects.toMatchObject({ code: "storage-failed" });
    expect(await readdir(directories(disk).tmpConfig)).toEqual([]);
  });
});

test("a runtime the daemon does not have is a fault that names it", async () => {
  const other = createDockerRunner({
    docker,
    directories: directories(root),
    instance,
    runtime: "no-such-runtime",
  });
  const { signal } = new AbortController();
  const refusal = await other
    .run(testSpec(hostile, ["well"]), { id: newBuildId(), signal })
    .catch((error) => error);
  expect(refusal).toMatchObject({ code: "runner-unavailable" });
  expect(String(refusal.cause)).toContain("no-such-runtime");
  expect(await leftovers()).toEqual([]);
});

describe("a daemon that is not there", () => {
  function runnerOn(socketPath: string, patience: number): Runner {
    const directories = { tmpConfig: join(root, "no-config"), tmpBuilds: join(root, "no-builds") };
    return createDockerRunner({ docker: new Docker({ socketPath }), directories, instance, patience });
  }

  async function expectFaults(dead: Runner): Promise<void> {
    const { signal } = new AbortController();
    const unavailable = { name: "Problem", code: "runner-unavailable" };
    await expect(dead.run(testSpec(hostile, ["well"]), { id: newBuildId(), signal })).rejects.toMatchObject(
      unavailable,
    );
    await expect(dead.images()).rejects.toMatchObject(unavailable);
    await expect(dead.reap()).rejects.toMatchObject(unavailable);
  }

  test("no socket", async () => {
    await expectFaults(runnerOn(join(root, "absent.sock"), 30_000));
  });

  test("a socket nobody listens on any more", async () => {
    const path = join(root, "dead.sock");
    const server = createServer().listen(path);
    await once(server, "listening");
    await new Promise((resolve) => server.close(resolve));
    await expectFaults(runnerOn(path, 30_000));
  });

  test.each([
    ["never answers", ""],
    ["answers with an HTTP error", "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 2\r\n\r\n{}"],
    ["answers with something else", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["begins to answer", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"],
  ])("one that %s", async (_name, answer) => {
    const path = join(root, `${randomUUID()}.sock`);
    const connections = new Set<{ destroy(): void }>();
    const server = createServer((socket) => {
      connections.add(socket);
      socket.on("error", () => connections.delete(socket));
      if (answer !== "") socket.end(answer);
    }).listen(path);
    await once(server, "listening");
    await expectFaults(runnerOn(path, 300));
    for (const connection of connections) connection.destroy();
    server.close();
  });
});
