import { Problem } from "../../src/errors.ts";
import type { Runner, RunOptions, RunResult, ToolchainImage } from "../../src/runner/runner.ts";
import type { BuildSpec } from "../../src/spec/spec.ts";

/** A run that is under way until the test ends it. */
export interface ScriptedRun {
  spec: BuildSpec;
  id: string;
  signal: AbortSignal;
  /** Ends it; what is left out is that of a build that went well and left every output. */
  end(result?: Partial<RunResult>): void;
  /** Ends it with a fault of the place. */
  fail(fault: Error): void;
}

/**
 * A place where builds run in name only, for tests of what is around it: each run lasts until the test ends it. An
 * abort ends it as cancelled, unless `deaf` says that the place does not react.
 */
export class ScriptedRunner implements Runner {
  /** Every run so far, in the order they started. */
  readonly runs: ScriptedRun[] = [];
  /** The most runs there ever were at once. */
  most = 0;
  running = 0;
  reaps = 0;
  deaf = false;
  /** What is installed; a problem is thrown by whatever asks the daemon. */
  installed: ToolchainImage[] | Problem = [toolchainImage("demo"), toolchainImage("057")];
  /** Called with each run that starts, to end it without the test's waiting for it. */
  onRun: ((run: ScriptedRun) => void) | undefined;
  readonly #waiting: ((run: ScriptedRun) => void)[] = [];
  #taken = 0;

  async images(): Promise<ToolchainImage[]> {
    return this.#answer();
  }

  async reap(): Promise<number> {
    this.#answer();
    this.reaps++;
    return 0;
  }

  async close(): Promise<void> {}

  /** To be called when something changes among the images; undefined while nobody listens. */
  tell: (() => void) | undefined;
  /** Ends the listening. */
  hangUp: () => void = () => undefined;

  async watchImages(changed: () => void, signal: AbortSignal): Promise<void> {
    this.#answer();
    const ended = Promise.withResolvers<void>();
    this.hangUp = ended.resolve;
    signal.addEventListener("abort", () => ended.resolve());
    this.tell = changed;
    changed();
    await ended.promise;
    this.tell = undefined;
  }

  async run(spec: BuildSpec, { id, signal }: RunOptions): Promise<RunResult> {
    const { promise, resolve, reject } = Promise.withResolvers<RunResult>();
    const end = (result: Partial<RunResult> = {}) => resolve({ ...succeeded(spec), ...result });
    if (!this.deaf) signal.addEventListener("abort", () => end({ status: "cancelled", outputs: [] }));
    this.most = Math.max(this.most, ++this.running);
    this.#begin({ spec, id, signal, end, fail: reject });
    try {
      return await promise;
    } finally {
      this.running--;
    }
  }

  /** The next run that no call of this has returned yet; waits until it starts. */
  next(): Promise<ScriptedRun> {
    const run = this.runs[this.#taken++];
    return run ? Promise.resolve(run) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  #begin(run: ScriptedRun): void {
    this.runs.push(run);
    this.#waiting.shift()?.(run);
    this.onRun?.(run);
  }

  #answer(): ToolchainImage[] {
    if (this.installed instanceof Problem) throw this.installed;
    return this.installed;
  }
}

export function toolchainImage(
  name: string,
  digest = `sha256:${name}`,
  labels: Record<string, string> = {},
): ToolchainImage {
  return { name: `kiisrv-controller-${name}`, digest, labels };
}

export function daemonAway(): Problem {
  return new Problem("runner-unavailable", "The container daemon cannot be reached.", { retryAfter: 10 });
}

function succeeded(spec: BuildSpec): RunResult {
  const outputs = spec.outputs.map((name) => ({
    name,
    bytes: Buffer.from(`${name} of ${spec.image.digest}`),
  }));
  return { status: "succeeded", reason: "", exitCode: 0, outputs, log: "compiled\n", milliseconds: 1234 };
}
