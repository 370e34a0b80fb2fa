import { randomUUID } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { createDockerRunner, type DockerRunnerOptions } from "../../src/runner/docker.ts";
import type { Runner, RunOptions, RunResult } from "../../src/runner/runner.ts";
import type { BuildSpec } from "../../src/spec/spec.ts";
import { buildImage, removeImage } from "./images.ts";
import { newBuildId, testSpec } from "./runner.ts";
import { WarmWatch } from "./warm.ts";

export const docker = new Docker();
export const hour = 3_600_000;
/** That an image can wait. */
export const label = ["--label", "kiisrv.warm=stdin"];
export const succeeded = { status: "succeeded", exitCode: 0 };

export type WarmPlace = ReturnType<WarmPlaces["place"]>;

/** For the tests of one file: an image whose containers can wait, and runners that keep such. All is removed in the end. */
export class WarmPlaces {
  readonly hostile: { name: string; digest: string };
  readonly #prefix = `test-${randomUUID()}`;
  readonly #instances: string[] = [];
  readonly #images = new Set<string>();
  #root = "";

  constructor() {
    this.hostile = { name: `kiisrv-controller-waits-${this.#prefix}`, digest: "" };
    beforeAll(async () => {
      this.#root = await mkdtemp(join(tmpdir(), "kiisrv-warm-"));
      this.hostile.digest = await this.#build(this.hostile.name, ...label);
    });
    afterAll(async () => {
      for (const instance of this.#instances) await removeContainers(instance);
      for (const name of this.#images) await removeImage(name);
      await rm(this.#root, { recursive: true, force: true });
    });
  }

  /** Builds the hostile image under a name of its own, with further options. */
  async image(kind: string, ...options: string[]): Promise<{ name: string; digest: string }> {
    const name = `kiisrv-controller-${kind}-${this.#prefix}`;
    return { name, digest: await this.#build(name, ...options) };
  }

  /** A runner with directories of its own and whatever it has said; `left` is all there is of it, by id. */
  place(options: Partial<DockerRunnerOptions> = {}) {
    const instance = `${this.#prefix}-${this.#instances.length}`;
    this.#instances.push(instance);
    const directories = {
      tmpConfig: join(this.#root, instance, "config"),
      tmpBuilds: join(this.#root, instance, "builds"),
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
    return { runner, watch, left, directories };
  }

  /** One for a single test. */
  placeForTest(options: Partial<DockerRunnerOptions> = {}): WarmPlace {
    const one = this.place(options);
    onTestFinished(() => one.runner.close());
    return one;
  }

  /** The spec of a build that succeeds. */
  well(of = this.hostile): BuildSpec {
    return testSpec(of, ["well"]);
  }

  #build(name: string, ...options: string[]): Promise<string> {
    this.#images.add(name);
    return buildImage(name, "hostile", ...options);
  }
}

export function run(runner: Runner, spec: BuildSpec, more: Partial<RunOptions> = {}): Promise<RunResult> {
  return runner.run(spec, { id: newBuildId(), signal: new AbortController().signal, ...more });
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
