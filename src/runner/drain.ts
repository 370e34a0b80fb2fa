import { fault, unavailable } from "./daemon.ts";

/**
 * Reads a stream of the daemon's to its end.
 * @param most bytes
 * @param patience milliseconds without anything new
 * @returns null as soon as there are more than `most`
 * @throws Problem `runner-unavailable` when it stalls or breaks off
 */
export async function readAll(
  stream: NodeJS.ReadableStream & { destroy?(error?: Error): unknown },
  most: number,
  patience: number,
): Promise<Buffer | null> {
  const stall = () => stream.destroy?.(unavailable("The container daemon does not answer."));
  let timer = setTimeout(stall, patience);
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of stream) {
      clearTimeout(timer);
      timer = setTimeout(stall, patience);
      chunks.push(Buffer.from(chunk));
      length += chunk.length;
      // Leaving the loop ends the stream.
      if (length > most) return null;
    }
    return Buffer.concat(chunks);
  } catch (error) {
    throw fault(error);
  } finally {
    clearTimeout(timer);
  }
}
