import type { Container } from "dockerode";
import type { Limits } from "../spec/spec.ts";
import { ask, askUnless, fault, unavailable } from "./daemon.ts";
import type { Following } from "./follow.ts";
import { Halt } from "./halt.ts";
import { LastWord } from "./lastWord.ts";
import { BoundedLog } from "./log.ts";
import type { Stop } from "./verdict.ts";
import { watchUsage } from "./watch.ts";

/** A container in which a build can begin. */
export interface Stage {
  container: Container;
  output: Following;
  /** Makes it begin: its time counts from here. */
  begin(): Promise<void>;
  /** The id that its last word would name; null if it has none. */
  lastWord: string | null;
}

export interface ExecutionOptions {
  limits: Limits;
  signal: AbortSignal;
  onLog: ((text: string) => void) | undefined;
  /** Looks over the outputs so far: a sentence if there are too many. */
  findExcess: () => Promise<string | null>;
  /** Milliseconds from one such look to the next. */
  lookEvery: number;
  /** Whether its outputs can be read before it has ended, so that its last word is enough. */
  early: boolean;
  /** Milliseconds the daemon may take for one answer. */
  patience: number;
}

export interface Execution {
  stop: Stop | null;
  /** Whether nothing of it runs any more. Else it has said that it is done, and may not have ended yet. */
  ended: boolean;
  /** Null if it did not end by itself. */
  exitCode: number | null;
  log: BoundedLog;
  milliseconds: number;
}

const cancelled: Stop = { status: "cancelled", reason: "The build was cancelled." };

/**
 * Runs a build to its end, whatever that is, or to its last word. After a fault it may still run.
 * @throws Problem `runner-unavailable`
 */
export async function execute(stage: Stage, options: ExecutionOptions): Promise<Execution> {
  const { container, output } = stage;
  const { limits, signal, patience } = options;
  const halt = new Halt();
  const log = new BoundedLog();
  const done = new AbortController();
  const end = stage.lastWord === null ? null : new LastWord(stage.lastWord);
  const take = logTaker(log, options, halt);
  output.hear((text, bytes) => {
    take(end?.take(text) ?? text, bytes);
    if (end?.said && options.early) done.abort();
  });
  const cancel = () => halt.raise(cancelled);
  signal.addEventListener("abort", cancel);
  const clock = setTimeout(
    () => halt.raise({ status: "timed-out", reason: `The build took longer than ${limits.wallSeconds} s.` }),
    limits.wallSeconds * 1000,
  );
  const endWatch = watchUsage(options.findExcess, options.lookEvery, halt);
  const started = performance.now();
  try {
    if (signal.aborted) return { stop: cancelled, ended: true, exitCode: null, log, milliseconds: 0 };
    await stage.begin();
    const exitCode = await exitOf(container, halt.signal, output.closed, done.signal, patience);
    clearTimeout(clock);
    const milliseconds = performance.now() - started;
    if (exitCode === "done") {
      return { stop: halt.outcome(), ended: false, exitCode: 0, log, milliseconds };
    }
    await output.finish();
    take(end?.rest() ?? "", 0);
    const stop = halt.outcome() ?? (await stopFromOutside(container, exitCode, patience));
    return { stop, ended: true, exitCode: stop === null ? exitCode : null, log, milliseconds };
  } finally {
    clearTimeout(clock);
    signal.removeEventListener("abort", cancel);
    endWatch();
    output.end();
  }
}

function logTaker(log: BoundedLog, options: ExecutionOptions, halt: Halt) {
  const { logBytes } = options.limits;
  let taken = 0;
  return (text: string, bytes: number) => {
    if (taken > logBytes) return;
    taken += bytes;
    log.add(text);
    // Half a character is no text yet.
    if (text !== "") options.onLog?.(text);
    if (taken > logBytes) {
      halt.raise({ status: "limit-exceeded", reason: `The log of the build exceeds ${logBytes} bytes.` });
    }
  };
}

/** Waits for the container to end or to be done, and kills it once `halt` is aborted. Gives the exit status. */
async function exitOf(
  container: Container,
  halt: AbortSignal,
  closed: AbortSignal,
  done: AbortSignal,
  patience: number,
): Promise<number | "done"> {
  for (let killed = false; ; ) {
    if (done.aborted && !halt.aborted) return "done";
    if (halt.aborted) {
      // 404, 409: it ended before we came.
      await askUnless([404, 409], patience, (abortSignal) => container.kill({ abortSignal }));
      killed = true;
    }
    const wakers = killed ? [] : [halt, closed, done].filter((signal) => !signal.aborted);
    const exitCode = await waitFor(container, AbortSignal.any([...wakers, AbortSignal.timeout(patience)]));
    if (exitCode !== undefined) return exitCode;
    if (killed) throw unavailable("The container daemon does not stop the build.");
  }
}

/**
 * Asks for the exit status until `awake` is aborted. Asked anew now and then and whenever the output ends, because
 * the client keeps waiting for ever on a connection that was cut after the first bytes of an answer.
 */
async function waitFor(container: Container, awake: AbortSignal): Promise<number | undefined> {
  const interrupted = new Promise<undefined>((resolve) => {
    awake.addEventListener("abort", () => resolve(undefined), { once: true });
  });
  try {
    const answer = await Promise.race([container.wait({ abortSignal: awake }), interrupted]);
    if (awake.aborted || typeof answer?.StatusCode === "number") return answer?.StatusCode;
  } catch (error) {
    if (awake.aborted) return undefined;
    throw fault(error);
  }
  throw unavailable("The container daemon does not say how the build ended.");
}

/** SIGKILL and SIGTERM as exit statuses: nothing a compiler says, but what a daemon does to builds when it is shut down. */
export const killedFromOutside: readonly number[] = [128 + 9, 128 + 15];

/**
 * Finds out whether something else than us stopped the container.
 * @throws Problem `runner-unavailable` if it did and it was not the memory limit: that says nothing about the build
 */
async function stopFromOutside(
  container: Container,
  exitCode: number,
  patience: number,
): Promise<Stop | null> {
  if (exitCode === 0) return null;
  const { State } = await ask(patience, (abortSignal) => container.inspect({ abortSignal }));
  if (State.OOMKilled) return { status: "limit-exceeded", reason: "The build ran out of memory." };
  if (killedFromOutside.includes(exitCode)) throw unavailable("The build was stopped from outside.");
  return null;
}
