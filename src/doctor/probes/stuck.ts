import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { LateAnswer, within } from "../patience.ts";

/** Milliseconds a file system has to say that it is there. */
const patience = 2000;

/**
 * Finds out whether a path's file system answers: one of the network may hang for ever, and with it whoever asks. So another
 * process asks; this one could not even end any more.
 * @throws Error when it does not answer in time
 */
export async function requireAnswer(path: string): Promise<void> {
  const question = promisify(execFile)("stat", ["--file-system", "--", path], {
    timeout: patience,
    killSignal: "SIGKILL",
  });
  try {
    // The limit here is for a process that is past killing.
    await within(patience + 500, question);
  } catch (error) {
    // Any other failure is an answer, too, or there is no `stat` to ask with.
    if (
      !(error instanceof LateAnswer) &&
      !(error instanceof Error && "killed" in error && error.killed === true)
    )
      return;
    throw new Error(`the file system of ${path} does not answer within ${patience / 1000} s`);
  }
}
