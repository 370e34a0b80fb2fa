import { finished, Readable, Writable } from "node:stream";
import { finished as sentAll } from "node:stream/promises";
import { StringDecoder } from "node:string_decoder";
import type { Container } from "dockerode";
import { ask } from "./daemon.ts";

/** Is given a piece of output and how many bytes it stood for. */
export type Take = (text: string, bytes: number) => void;

/** The output of a container, being read. */
export interface Following {
  /** From here on the output goes to this taker, and to no other. */
  hear(take: Take): void;
  /**
   * Writes a text to the container's standard input and ends that; only where it was asked for.
   * @throws Problem `runner-unavailable` if it cannot be passed on
   */
  send(text: string): Promise<void>;
  /** Aborted when no more will come. */
  closed: AbortSignal;
  /** Waits for the last of it, but not for ever. */
  finish(): Promise<void>;
  /** Lets go of the connection. */
  end(): void;
}

/**
 * Reads standard output and error of a container in order of arrival. To be called before it is started: what is written
 * with nobody attached is lost, and what nobody hears is dropped.
 * @param input whether to attach to its standard input, too
 * @param patience milliseconds for the daemon to answer, and for the rest of the log to arrive
 */
export async function follow(container: Container, input: boolean, patience: number): Promise<Following> {
  // Only a connection that is hijacked has a way to the container's input.
  const stdin = input ? { stdin: true, hijack: true } : {};
  const stream = await ask(patience, (abortSignal) =>
    container.attach({ stream: true, stdout: true, stderr: true, ...stdin, abortSignal }),
  );
  const closed = new AbortController();
  // Cleanly or not: only the daemon can tell whether the build ended, so that is who is asked next.
  finished(stream, { writable: false }, () => closed.abort());
  let taker: Take | undefined;
  const sink = () => textSink((text, bytes) => taker?.(text, bytes));
  container.modem.demuxStream(stream, sink(), sink());
  return {
    closed: closed.signal,
    hear: (take) => {
      taker = take;
    },
    send: (text) => ask(patience, () => endWith(stream, text)),
    finish: () => aborted(closed.signal, patience),
    end: () => {
      if (stream instanceof Readable) stream.destroy();
    },
  };
}

/** Resolves when all of it is on its way. */
async function endWith(stream: NodeJS.WritableStream, text: string): Promise<void> {
  const sent = sentAll(stream, { readable: false });
  stream.end(text);
  await sent;
}

/** Standard output and error each have a decoder: half a character of one must not meet a piece of the other. */
function textSink(take: Take): Writable {
  const decoder = new StringDecoder("utf8");
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      take(decoder.write(chunk), chunk.length);
      done();
    },
  });
}

function aborted(signal: AbortSignal, milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
