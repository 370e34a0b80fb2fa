import { createHash, type Hash } from "node:crypto";
import { once } from "node:events";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";
import { syncPath } from "../store/durable.ts";
import { buffers } from "./bytes.ts";
import { type Compression, compressor } from "./compression.ts";

/** What an archive is written from. */
export type Part =
  | { path: string; size: number; mode?: number; bytes: () => AsyncIterable<Uint8Array> }
  | { path: string; link: string };

/**
 * Tars parts in their order, owned by root and all of one time, so that equal parts give equal bytes.
 * @returns the archive's bytes; it ends in the error that reading a part ended in
 */
export function tar(parts: Iterable<Part> | AsyncIterable<Part>, modified: Date): Readable {
  return Readable.from(tarred(parts, modified), { objectMode: false });
}

async function* tarred(
  parts: Iterable<Part> | AsyncIterable<Part>,
  modified: Date,
): AsyncGenerator<Uint8Array> {
  const archive = pack();
  const written = fill(archive, parts, modified);
  // Who reads is told of an error by the archive, which it ends; nobody else waits for this promise before that.
  written.catch((error: Error) => archive.destroy(error));
  try {
    yield* buffers(archive);
    await written;
  } finally {
    archive.destroy();
  }
}

async function fill(archive: Pack, parts: Iterable<Part> | AsyncIterable<Part>, mtime: Date): Promise<void> {
  for await (const part of parts) {
    const { path: name } = part;
    if ("link" in part) {
      archive.entry({ name, mtime, type: "symlink", linkname: part.link, mode: 0o777 });
      continue;
    }
    const done = Promise.withResolvers<void>();
    const entry = archive.entry({ name, mtime, size: part.size, mode: part.mode ?? 0o644 }, (error) =>
      error ? done.reject(error) : done.resolve(),
    );
    entry.once("error", done.reject);
    // Waited for below; but the entry may fail while a part is slow to give its next bytes.
    done.promise.catch(() => undefined);
    for await (const chunk of part.bytes()) {
      if (!entry.write(chunk)) await Promise.race([once(entry, "drain"), done.promise]);
    }
    entry.end(undefined);
    await done.promise;
  }
  archive.finalize();
}

/**
 * Writes a stream, compressed, into a file that has its name only once it is whole and on the disk. What a former writing that
 * was killed left beside it is replaced.
 *
 * @returns bytes written, and their SHA-256
 * @throws Error when the disk is full, the signal comes, or somebody else writes the same file
 */
export async function publish(
  source: Readable,
  file: string,
  compression: Compression,
  signal: AbortSignal,
): Promise<{ size: number; sha256: string }> {
  const part = `${file}.part`;
  await rm(part, { force: true });
  const handle = await open(part, "wx");
  try {
    const hash = createHash("sha256");
    const transform = compressor(compression);
    const write = (chunks: AsyncIterable<Uint8Array>) => handle.writeFile(chunks);
    if (transform) await pipeline(source, transform, hashing(hash), write, { signal });
    else await pipeline(source, hashing(hash), write, { signal });
    await handle.sync();
    const { size } = await ownedBy(handle, part);
    await rename(part, file);
    await syncPath(dirname(file));
    return { size, sha256: hash.digest("hex") };
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

function hashing(hash: Hash): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
}

/** Two that write the same file do not mix: the name is with the one that came last. */
async function ownedBy(handle: FileHandle, part: string) {
  const [own, named] = [await handle.stat(), await stat(part)];
  if (own.ino !== named.ino) throw new Error(`${part} was taken by another bundle save`);
  return own;
}
