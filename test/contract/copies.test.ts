import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDockerRunner } from "../../src/runner/docker.ts";
import type { Runner } from "../../src/runner/runner.ts";
import { buildImage, removeImage } from "../support/images.ts";
import { testSpec, texts } from "../support/runner.ts";
import { label, run, succeeded, WarmPlaces } from "../support/warmPlaces.ts";
import { runnerContract } from "./runner.ts";

const docker = new Docker();
const instance = `test-${randomUUID()}`;
const hostile = { name: `kiisrv-controller-copies-${instance}`, digest: "" };
const field = { name: `kiisrv-controller-copies-field-${instance}`, digest: "" };
let root: string;
let runner: Runner;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "kiisrv-copies-"));
  // A daemon elsewhere sees nothing of these; ours must do without them, too.
  const directories = { tmpConfig: join(root, "config"), tmpBuilds: join(root, "builds") };
  runner = createDockerRunner({ docker, directories, instance, copies: true });
  hostile.digest = await buildImage(hostile.name, "hostile", "--label", "kiisrv.done=log");
  field.digest = await buildImage(field.name, "field");
});

afterAll(async () => {
  await removeImage(hostile.name);
  await removeImage(field.name);
  await rm(root, { recursive: true, force: true });
});

async function leftovers(): Promise<string[]> {
  const filters = { label: [`kiisrv.instance=${instance}`] };
  const containers = await docker.listContainers({ all: true, filters });
  return [...(await readdir(root)), ...containers.flatMap(({ Names }) => Names)];
}

/** Volumes without a name: nobody else makes any while these tests run. */
async function volumes(): Promise<string[]> {
  const { Volumes } = await docker.listVolumes({ filters: { dangling: ["true"] } });
  return Volumes.map(({ Name }) => Name).filter((name) => /^[0-9a-f]{64}$/.test(name));
}

runnerContract("the Docker runner, files by copy", () => ({ runner, hostile, leftovers }));

describe("files by copy", () => {
  test("leave no volume behind", async () => {
    const before = await volumes();
    expect(await run(runner, testSpec(hostile, ["well"]))).toMatchObject(succeeded);
    expect(await run(runner, testSpec(hostile, ["fails"]))).toMatchObject({ status: "failed" });
    expect(await volumes()).toEqual(before);
  });

  test("have the last word in the log dropped, and the end waited for", async () => {
    const { log, outputs } = await run(runner, testSpec(hostile, ["done_at_last"]));
    expect(log).not.toContain("kiisrv: done");
    expect(Object.keys(texts(outputs))).toEqual(["kiibohd.dfu.bin", "log/build.log"]);
  });

  test("come and go with an image from the field", async () => {
    const spec = testSpec(field, ["keyboard.bash"]);
    const { status, outputs } = await run(runner, spec);
    expect(status).toBe("succeeded");
    expect(texts(outputs)).toMatchObject({ "kiibohd.dfu.bin": 'U"A" : U"B";\n' });
    expect(await leftovers()).toEqual([]);
  });
});

describe("a container that waits for files by copy", () => {
  const places = new WarmPlaces();

  test("gives what one gives that did not wait", async () => {
    const image = await places.image("copies", ...label);
    const { runner: warm, watch, left, directories } = places.placeForTest({ copies: true });
    await Promise.all(Object.values(directories).map((path) => mkdir(path, { recursive: true })));
    const spec = testSpec(image, ["sandbox"]);
    const cold = await run(warm, spec);
    await watch.waits();
    expect({ ...(await run(warm, spec)), milliseconds: 0 }).toEqual({ ...cold, milliseconds: 0 });
    expect(watch.taken).toHaveLength(1);
    await watch.waits();
    await warm.close();
    expect(await left()).toEqual([]);
  });
});
