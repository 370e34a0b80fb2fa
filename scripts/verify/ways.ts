import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { join } from "node:path";
import type Docker from "dockerode";
import type { RunnerLog } from "../../src/runner/daemon.ts";
import { createDockerRunner } from "../../src/runner/docker.ts";
import type { Runner, RunResult } from "../../src/runner/runner.ts";
import type { BuildSpec } from "../../src/spec/spec.ts";

/** A build, and how long it took from being asked for to its result, seconds. */
export interface Timed {
  result: RunResult;
  seconds: number;
}

/** A way to build: the controller's own, the fast one, or the fast one in a container that was started before. */
export type Way = "cold" | "fast" | "warm";

/** Time a container has to get ready for a build, milliseconds. */
const patience = 60_000;

/** Builds each of the three ways with one image, by the server's own runner. */
export class Ways {
  readonly #runner: Runner;
  readonly #warmRunner: Runner;
  readonly #watch = new WaitingWatch();

  /** @param directory an empty one that stays until `close` */
  constructor(docker: Docker, directory: string) {
    const runner = (name: string, size: number) =>
      createDockerRunner({
        docker,
        directories: {
          tmpConfig: join(directory, name, "inputs"),
          tmpBuilds: join(directory, name, "outputs"),
        },
        instance: `verify-${randomUUID()}`,
        warm: { size, idleMilliseconds: 3_600_000 },
        logger: this.#watch,
      });
    this.#runner = runner("new", 0);
    this.#warmRunner = runner("warm", 1);
  }

  /** @throws Problem for faults of the daemon; Error if no container got ready for a warm build */
  async build(way: Way, spec: BuildSpec, signal: AbortSignal): Promise<Timed> {
    if (way === "warm") return this.#warm(spec, signal);
    const environment = way === "cold" ? { ...spec.environment, KIISRV_COLD: "1" } : spec.environment;
    return timed(this.#runner, { ...spec, environment }, signal);
  }

  async close(): Promise<void> {
    for (const runner of [this.#runner, this.#warmRunner]) {
      await runner.close();
      await runner.reap();
    }
  }

  async #warm(spec: BuildSpec, signal: AbortSignal): Promise<Timed> {
    // The first build has a container started for the next one.
    if (!this.#watch.waits) await timed(this.#warmRunner, spec, signal);
    await this.#watch.ready(signal);
    const before = this.#watch.taken;
    const built = await timed(this.#warmRunner, spec, signal);
    if (this.#watch.taken === before) throw new Error("the container that waited was not taken by the build");
    // The next one gets ready now, and not beside whatever is measured next.
    await this.#watch.ready(signal);
    return built;
  }
}

async function timed(runner: Runner, spec: BuildSpec, signal: AbortSignal): Promise<Timed> {
  const started = performance.now();
  const result = await runner.run(spec, { id: randomUUID(), signal });
  return { result, seconds: (performance.now() - started) / 1000 };
}

/** Knows from what a runner tells whether a container waits. */
class WaitingWatch implements RunnerLog {
  waits = false;
  taken = 0;
  readonly #changes = new EventEmitter();

  debug(_details: object, message: string): void {
    this.waits = message === "a warm container waits";
    if (message === "a build takes a warm container") this.taken++;
    this.#changes.emit("change");
  }

  warn(details: object, message: string): void {
    this.waits = false;
    process.stderr.write(`${message}: ${JSON.stringify(details)}\n`);
  }

  async ready(signal: AbortSignal): Promise<void> {
    const late = new AbortController();
    // Keeps the process alive, too: what a runner does in the background does not.
    const timer = setTimeout(() => late.abort(), patience);
    const limit = AbortSignal.any([signal, late.signal]);
    try {
      while (!this.waits) await once(this.#changes, "change", { signal: limit });
    } catch (cause) {
      throw new Error("no container got ready for a build", { cause });
    } finally {
      clearTimeout(timer);
    }
  }
}
