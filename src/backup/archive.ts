import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createGzip } from "node:zlib";
import { extract, pack } from "tar-stream";
import type { Member } from "./manifest.ts";

/** Zips do not get smaller and databases do at any level, so the fastest will do. */
const level = 1;

/** A tar archive, compressed, that is being written. */
export interface ArchiveWriter {
  /** Adds a file as it is now. @throws Error with code ENOENT when it is not there; then nothing was added */
  addFile(path: string, file: string): Promise<Member>;
  addBytes(path: string, bytes: Buffer): Promise<Member>;
}

/** Writes an archive: what `fill` adds, in that order. Whatever fails, or an abort, ends both sides. */
export async function writeArchive(
  target: Writable,
  signal: AbortSignal,
  fill: (writer: ArchiveWriter) => Promise<void>,
): Promise<void> {
  const tar = pack();
  const broken = new AbortController();
  const either = AbortSignal.any([signal, broken.signal]);
  const written = pipeline(tar, createGzip({ level }), target, { signal: either });
  const filled = fill({
    addFile: (path, file) => addFile(tar, path, file, either),
    addBytes: (path, bytes) => addBytes(tar, path, bytes),
  }).then(() => tar.finalize());
  const both = [written, filled].map((side) =>
    side.catch((error) => {
      broken.abort(error);
      throw error;
    }),
  );
  const ends = await Promise.allSettled(both);
  signal.throwIfAborted();
  // What was aborted because of the other side tells nothing.
  if (broken.signal.aborted) throw broken.signal.reason;
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}

async function addFile(
  tar: ReturnType<typeof pack>,
  path: string,
  file: string,
  signal: AbortSignal,
): Promise<Member> {
  await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  const { size, mtime } = await handle.stat();
  const hash = createHash("sha256");
  const entry = tar.entry({ name: path, size, mtime, mode: 0o600 });
  const source = handle.createReadStream({ autoClose: false, highWaterMark: 1024 * 1024 });
  const hashed = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(source, hashed, entry, { signal });
  return { path, bytes: size, sha256: hash.digest("hex") };
}

async function addBytes(tar: ReturnType<typeof pack>, path: string, bytes: Buffer): Promise<Member> {
  tar.entry({ name: path, size: bytes.length, mode: 0o600 }, bytes);
  return { path, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** A plain file of an archive. */
export interface ReadMember {
  path: string;
  bytes: number;
  modified: Date;
  content: AsyncIterable<Buffer>;
}

/**
 * Reads an archive, one member after another; each must be read to its end before the next comes.
 * @throws Error for what is no such archive, is cut off, or holds anything but plain files
 */
export async function readArchive(
  source: Readable,
  signal: AbortSignal,
  take: (member: ReadMember) => Promise<void>,
): Promise<void> {
  const tar = extract();
  const unpacked = pipeline(source, createGunzip(), tar, { signal });
  // Whatever ends it, the loop below hears of it; this keeps it from counting as unheard until then.
  unpacked.catch(() => {});
  try {
    for await (const entry of tar) {
      const { name, size, type, mtime } = entry.header;
      if (type !== "file")
        throw new Error(`the backup holds ${JSON.stringify(name)}, which is no plain file`);
      await take({ path: name, bytes: size, modified: mtime, content: entry as AsyncIterable<Buffer> });
    }
    await unpacked;
  } catch (error) {
    signal.throwIfAborted();
    throw explain(error);
  }
}

function explain(error: unknown): unknown {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "Z_BUF_ERROR") return new Error("the backup is cut off", { cause: error });
  if (code.startsWith("Z_")) return new Error("this is no backup, or it is damaged", { cause: error });
  return error;
}
