import { Problem } from "../errors.ts";

/** What a runner tells the operator; a pino logger fits. */
export interface RunnerLog {
  debug(details: object, message: string): void;
  warn(details: object, message: string): void;
}

/** How long the daemon may take to answer one question before it counts as gone, milliseconds. */
export const defaultPatience = 30_000;

/**
 * Asks the Docker daemon one thing, within a time limit.
 * @param call is handed a signal to give up on
 * @throws Problem `runner-unavailable` for no answer in time, no connection, or an HTTP error
 */
export async function ask<T>(patience: number, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const limit = new AbortController();
  const expired = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    expired.reject(unavailable("The container daemon does not answer."));
    limit.abort();
  }, patience);
  try {
    // Raced, not only aborted: a connection cut in the middle of an answer leaves the client's promise open.
    return await Promise.race([call(limit.signal), expired.promise]);
  } catch (error) {
    throw fault(error);
  } finally {
    clearTimeout(timer);
  }
}

/** Like `ask`, but answers undefined for the HTTP statuses named: those that the caller has a meaning for. */
export async function askUnless<T>(
  statuses: readonly number[],
  patience: number,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  return ask<T | undefined>(patience, async (signal) => {
    try {
      return await call(signal);
    } catch (error) {
      const status = httpStatus(error);
      if (status !== undefined && statuses.includes(status)) return undefined;
      throw error;
    }
  });
}

export function unavailable(message: string, cause?: unknown): Problem {
  return new Problem("runner-unavailable", message, { retryAfter: 10, cause });
}

/** Failures of a call to the daemon: an HTTP status or a system error's code make a fault of the place; others are bugs. */
export function fault(error: unknown): unknown {
  if (error instanceof Problem) return error;
  if (httpStatus(error) !== undefined) return unavailable("The container daemon refused the build.", error);
  if (error instanceof Error && "code" in error && typeof error.code === "string") {
    return unavailable("The container daemon cannot be reached.", error);
  }
  return error;
}

function httpStatus(error: unknown): number | undefined {
  if (!(error instanceof Error && "statusCode" in error)) return undefined;
  return typeof error.statusCode === "number" ? error.statusCode : undefined;
}
