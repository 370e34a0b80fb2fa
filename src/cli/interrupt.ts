/** Who ends a command: a service manager, ^C, a terminal that is closed. */
export const stopSignals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;

/**
 * Runs work that a person may break off: the first ^C, SIGTERM or SIGHUP aborts it, and it ends as soon as it has cleared up. A second
 * one ends the process at once, for clearing up may hang, too.
 * @throws Error that says so when it was broken off
 */
export async function interruptible<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const interrupt = new AbortController();
  const stop = (signal: NodeJS.Signals) => interrupt.abort(new Error(`interrupted by ${signal}`));
  for (const signal of stopSignals) process.once(signal, stop);
  try {
    return await work(interrupt.signal);
  } catch (error) {
    interrupt.signal.throwIfAborted();
    throw error;
  } finally {
    for (const signal of stopSignals) process.off(signal, stop);
  }
}
