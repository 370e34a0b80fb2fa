import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, rmSync } from "node:fs";
import { progressOf } from "./progress.ts";
import type { Row } from "./screen.ts";

export type Outcome = "built" | "up to date" | "failed" | "stopped";

export interface JobOptions {
  /** The name of the image it makes. */
  image: string;
  command: readonly string[];
  directory: string;
  environment: NodeJS.ProcessEnv;
  /** The content id of an image; empty if there is none. */
  idOf(image: string): Promise<string>;
  /** The file that gets all the command says. Its directory is there. */
  log: string;
  /** Where the builder's steps are told, if the command keeps a log of them itself. */
  steps?: string;
}

/** Builds one image, with the builder's log in a file of its own. */
export class Job {
  readonly #options: JobOptions;
  #started: number | undefined;
  #ended: number | undefined;
  #outcome: Outcome | undefined;

  constructor(options: JobOptions) {
    this.#options = options;
  }

  get image(): string {
    return this.#options.image;
  }

  get log(): string {
    return this.#options.log;
  }

  /** Undefined until it has ended, and for good if it never began. */
  get outcome(): Outcome | undefined {
    return this.#outcome;
  }

  /** Runs to its end; what came of it is its outcome. Aborting stops the builder, which keeps the steps it has done. */
  async run(signal: AbortSignal): Promise<void> {
    const { idOf, log, steps = log } = this.#options;
    // What they say is of the build before.
    for (const path of [log, steps]) rmSync(path, { force: true });
    this.#started = performance.now();
    try {
      const before = await idOf(this.image);
      const status = signal.aborted ? null : await this.#execute(signal);
      if (status === 0)
        this.#outcome = before !== "" && before === (await idOf(this.image)) ? "up to date" : "built";
      else this.#outcome = signal.aborted ? "stopped" : "failed";
    } catch (error) {
      this.#outcome = "failed";
      throw error;
    } finally {
      this.#ended = performance.now();
    }
  }

  row(): Row {
    const started = this.#started;
    const seconds = started === undefined ? undefined : ((this.#ended ?? performance.now()) - started) / 1000;
    return { name: this.image, text: this.#text(), seconds };
  }

  /** The end of what the builder said. */
  lastWords(lines: number): string {
    return read(this.log).trimEnd().split("\n").slice(-lines).join("\n");
  }

  #text(): string {
    if (this.#started === undefined) return "waits";
    return this.#outcome ?? (progressOf(read(this.#options.steps ?? this.log)) || "begins");
  }

  /** @returns the exit status; null if a signal ended it */
  async #execute(signal: AbortSignal): Promise<number | null> {
    const { directory, environment, log } = this.#options;
    const [program = "", ...args] = this.#options.command;
    const file = openSync(log, "w");
    const child = spawn(program, args, {
      cwd: directory,
      env: environment,
      stdio: ["ignore", file, file],
    });
    closeSync(file);
    const stop = () => child.kill();
    signal.addEventListener("abort", stop, { once: true });
    try {
      const [status] = await once(child, "exit");
      return status;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }
}

/** What a log says so far; nothing, as long as there is none. */
function read(log: string): string {
  return existsSync(log) ? readFileSync(log, "utf8") : "";
}

/**
 * Runs jobs, some at a time, and begins none once it is to stop. One that fails keeps no other from its turn.
 * @throws the first error of those that could not be run at all, when all are over
 */
export async function runJobs(jobs: readonly Job[], atOnce: number, signal: AbortSignal): Promise<void> {
  const waiting = [...jobs];
  const work = async () => {
    for (let job = waiting.shift(); job && !signal.aborted; job = waiting.shift()) await job.run(signal);
  };
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, work));
  const broken = ends.find((end) => end.status === "rejected");
  if (broken) throw broken.reason;
}
