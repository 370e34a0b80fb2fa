import { fault, unavailable } from "./daemon.ts";

/** What the daemon sends; leaving it before its end lets go of the connection. */
export type Incoming = NodeJS.ReadableStream & { destroy?(error?: Error): unknown };

/**
 * The bytes of a stream of the daemon's.
 * @param patience milliseconds without anything new
 * @throws Problem `runner-unavailable` when it stalls or breaks off
 */
export async function* incoming(stream: Incoming, patience: number): AsyncGenerator<Buffer> {
  const stall = () => stream.destroy?.(unavailable("The container daemon does not answer."));
  let timer = setTimeout(stall, patience);
  try {
    for await (const chunk of stream) {
      clearTimeout(timer);
      yield Buffer.from(chunk);
      timer = setTimeout(stall, patience);
    }
  } catch (error) {
    throw fault(error);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Reads a short answer.
 * @param most bytes
 * @param limit milliseconds for all of it
 * @returns null if there are more, or it takes longer
 * @throws Problem `runner-unavailable` when it breaks off
 */
export async function readShort(stream: Incoming, most: number, limit: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    stream.destroy?.();
  }, limit);
  try {
    for await (const chunk of incoming(stream, limit * 2)) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > most) return null;
    }
    return late ? null : Buffer.concat(chunks);
  } catch (error) {
    if (late) return null;
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
