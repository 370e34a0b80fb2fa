import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Extract, extract, type Header } from "tar-stream";
import { buffers } from "./bytes.ts";
import { compressionOf, decompressor } from "./compression.ts";
import {
  type FileMember,
  isFile,
  type Manifest,
  type Member,
  memberNames,
  parseManifest,
  printSums,
} from "./manifest.ts";

/** A member as tar-stream hands it over. */
type Source = Extract extends AsyncIterable<infer Entry> ? Entry : never;

/** A manifest larger than this is none, bytes; that of ten images has 10 kB. */
const largestManifest = 4 * 1024 * 1024;
/** What tar may add to a member, bytes: headers, extended headers, padding. */
const tarOverhead = 4096;

export interface ReadOptions {
  signal: AbortSignal;
  /** Is told how many bytes of the archive, uncompressed, were read. */
  onBytes?: (count: number) => void;
  /** Is handed the manifest, and its bytes, before any member; what it throws ends the reading. */
  begin?: (manifest: Manifest, bytes: Buffer) => void;
  /** The last member of interest: nothing behind it is read. */
  until?: string | undefined;
}

/** A file of a bundle. Its bytes come before its checksum: they count only once the next file, or the end, was asked for. */
export interface OpenedMember {
  member: FileMember;
  bytes: AsyncIterable<Uint8Array>;
}

/**
 * Reads a bundle's files in their order and checks all of it against its own manifest on the way: the members, their order,
 * kinds, sizes and checksums. The file is hostile: it can be cut, changed, or a small one with a huge content.
 *
 * @throws Error that names the member which is wrong
 */
export async function* readBundle(file: string, options: ReadOptions): AsyncGenerator<OpenedMember> {
  const archive = extract();
  const limit = new ByteLimit(largestManifest + 3 * tarOverhead, options.onBytes);
  const fed = feed(file, archive, limit, options.signal);
  // Who walks is told of it by the archive, which ends in the same error. A file that cannot be opened never gets there.
  fed.catch((error: Error) => archive.destroy(error));
  try {
    yield* walk(archive, limit, options);
    if (options.until === undefined) await fed;
  } catch (error) {
    throw named(error, file);
  } finally {
    archive.destroy();
    await fed.catch(() => undefined);
  }
}

/** Reads all of a bundle for its checks alone. */
export async function verifyBundle(file: string, options: ReadOptions): Promise<Manifest> {
  let manifest: Manifest | undefined;
  const begin = (read: Manifest, bytes: Buffer) => {
    manifest = read;
    options.begin?.(read, bytes);
  };
  for await (const _ of readBundle(file, { ...options, begin }));
  if (manifest === undefined) throw new Error(`${file} holds no manifest`);
  return manifest;
}

/** The manifest of a bundle, the rest unread. */
export function readManifest(file: string, signal: AbortSignal): Promise<Manifest> {
  return verifyBundle(file, { signal, until: memberNames.sums });
}

async function* walk(archive: Extract, limit: ByteLimit, options: ReadOptions): AsyncGenerator<OpenedMember> {
  const entries = new Entries(archive);
  const bytes = await entries.small(memberNames.manifest);
  const manifest = parseManifest(bytes, memberNames.manifest);
  limit.raise(manifest.members.reduce((sum, one) => sum + tarOverhead + (isFile(one) ? one.size : 0), 0));
  const sums = await entries.small(memberNames.sums);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (!sums.equals(printSums(sha256, manifest.members))) {
    throw new Error(`${memberNames.sums} and ${memberNames.manifest} contradict each other`);
  }
  options.begin?.(manifest, bytes);
  if (options.until === memberNames.sums) return;
  for (const member of manifest.members) {
    const entry = await entries.next(member.path);
    checkHeader(entry.header, member);
    if (isFile(member)) yield* checkedFile(member, buffers(entry));
    else await drain(buffers(entry));
    if (member.path === options.until) return;
  }
  await entries.end();
}

/** The members of an archive, which must be those expected, in that order. */
class Entries {
  readonly #iterator: AsyncIterator<Source>;

  constructor(archive: Extract) {
    this.#iterator = archive[Symbol.asyncIterator]();
  }

  async next(expected: string): Promise<Source> {
    const { done, value } = await this.#iterator.next();
    if (done) throw new Error(`member ${expected} is missing`);
    const { name } = value.header;
    if (name !== expected) throw new Error(`member ${printable(name)} is where ${expected} should be`);
    return value;
  }

  /** The next member's bytes, which must fit into memory. */
  async small(expected: string): Promise<Buffer> {
    const entry = await this.next(expected);
    const { size, type } = entry.header;
    if (type !== "file" || size > largestManifest) {
      throw new Error(`member ${expected} is no file of at most ${largestManifest} bytes`);
    }
    const chunks: Uint8Array[] = [];
    for await (const chunk of buffers(entry)) chunks.push(chunk);
    return Buffer.concat(chunks);
  }

  async end(): Promise<void> {
    const { done, value } = await this.#iterator.next();
    if (!done) throw new Error(`member ${printable(value.header.name)} is not in the manifest`);
  }
}

function checkHeader({ type, size, linkname }: Header, member: Member): void {
  const kind = isFile(member) ? "file" : "symlink";
  if (type !== kind) throw new Error(`member ${member.path} is a ${type}, not a ${kind}`);
  if (isFile(member) && size !== member.size) {
    throw new Error(`member ${member.path} has ${size} bytes, not ${member.size}`);
  }
  if (!isFile(member) && linkname !== member.link) {
    throw new Error(`member ${member.path} does not lead to ${member.link}`);
  }
}

async function* checkedFile(
  member: FileMember,
  entry: AsyncIterable<Uint8Array>,
): AsyncGenerator<OpenedMember> {
  const hash = createHash("sha256");
  const bytes = hashed(entry, hash);
  yield { member, bytes };
  await drain(bytes);
  if (hash.digest("hex") !== member.sha256)
    throw new Error(`member ${member.path} does not have its checksum`);
}

/** Can be read in parts: a reader that stops does not end the source. */
function hashed(source: AsyncIterable<Uint8Array>, hash: Hash): AsyncIterable<Uint8Array> {
  const chunks = source[Symbol.asyncIterator]();
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const chunk = await chunks.next();
        if (!chunk.done) hash.update(chunk.value);
        return chunk;
      },
    }),
  };
}

async function drain(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of bytes);
}

async function feed(file: string, archive: Extract, limit: ByteLimit, signal: AbortSignal): Promise<void> {
  const transform = decompressor(await compressionOf(file));
  const source = createReadStream(file, { highWaterMark: 1024 * 1024 });
  const streams = transform ? [source, transform, limit, archive] : [source, limit, archive];
  await pipeline(streams, { signal });
}

/** Ends a stream that grows beyond what was announced. */
class ByteLimit extends Transform {
  readonly #onBytes: ((count: number) => void) | undefined;
  #left: number;

  constructor(most: number, onBytes: ((count: number) => void) | undefined) {
    super();
    this.#left = most;
    this.#onBytes = onBytes;
  }

  raise(bytes: number): void {
    this.#left += bytes;
  }

  override _transform(
    chunk: Buffer,
    _encoding: string,
    done: (error: Error | null, chunk?: Buffer) => void,
  ): void {
    this.#left -= chunk.length;
    this.#onBytes?.(chunk.length);
    if (this.#left < 0) done(new Error("there is more in it than its manifest says"));
    else done(null, chunk);
  }
}

/** A name from the archive, fit for a terminal. */
function printable(name: string): string {
  return JSON.stringify(name.slice(0, 200));
}

function named(cause: unknown, file: string): unknown {
  if (!(cause instanceof Error) || cause.name === "AbortError") return cause;
  return new Error(`${file} cannot be used: ${cause.message}`, { cause });
}
