import type { Progress } from "./progress.ts";

/** Bytes in memory as a source of them. */
export async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Passes bytes on and has the progress know. */
export async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  progress: Progress,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of bytes) {
    progress.advance(chunk.length);
    yield chunk;
  }
}

/** The streams of tar-stream give buffers; their types do not say so. */
export async function* buffers(stream: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError("a stream of bytes gave something else");
    yield chunk;
  }
}
