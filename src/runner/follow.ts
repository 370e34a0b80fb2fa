import { finished, Readable, Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import type { Container } from "dockerode";
import { ask } from "./daemon.ts";

/** The output of a container, being read. */
export interface Following {
  /** Aborted when no more will come. */
  closed: AbortSignal;
  /** Waits for the last of it, but not for ever. */
  finish(): Promise<void>;
  /** Lets go of the connection. */
  end(): void;
}

/**
 * Reads standard output and error of a container in order of arrival. To be called before it is started: what is written
 * with nobody attached is lost.
 * @param take is given the text and how many bytes it stood for
 * @param patience milliseconds for the daemon to answer, and for the rest of the log to arrive
 */
export async function follow(
  container: Container,
  take: (text: string, bytes: number) => void,
  patience: number,
): Promise<Following> {
  const stream = await ask(patience, (abortSignal) =>
    container.attach({ stream: true, stdout: true, stderr: true, abortSignal }),
  );
  const closed = new AbortController();
  // Cleanly or not: only the daemon can tell whether the build ended, so that is who is asked next.
  finished(stream, { writable: false }, () => closed.abort());
  container.modem.demuxStream(stream, textSink(take), textSink(take));
  return {
    closed: closed.signal,
    finish: () => aborted(closed.signal, patience),
    end: () => {
      if (stream instanceof Readable) stream.destroy();
    },
  };
}

/** Standard output and error each have a decoder: half a character of one must not meet a piece of the other. */
function textSink(take: (text: string, bytes: number) => void): Writable {
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
