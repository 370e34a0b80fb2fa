import { createHash, randomUUID } from "node:crypto";
import { lstatSync } from "node:fs";
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { StoredArtifact } from "./buildRows.ts";
import { syncPath } from "./durable.ts";
import { errorCode, storageFault, stored } from "./faults.ts";

/** No longer than a file's name can be. */
const namePattern = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,250}\.zip$/;
const temporary = ".tmp-";
const chunkBytes = 1024 * 1024;

/** An artifact as it lies on the disk. */
export interface KeptArtifact {
  name: string;
  bytes: number;
  /** Milliseconds since 1970. */
  published: number;
}

/**
 * The published zips: one flat directory of regular files. A file appears whole under its name or not at all.
 * A directory belongs to one server at a time.
 */
export class ArtifactStore {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Makes the directory if need be and removes what a killed server left half written; returns how many files. */
  async sweep(): Promise<number> {
    return onStorage(async () => {
      await mkdir(this.#directory, { recursive: true });
      const leftovers = (await readdir(this.#directory)).filter((name) => name.startsWith(temporary));
      for (const name of leftovers) await rm(join(this.#directory, name), { force: true });
      return leftovers.length;
    });
  }

  /**
   * Writes an artifact; when this returns it will be there after a power cut too. One of the same name is replaced.
   * @throws Problem `storage-failed` when the disk is full or read-only; nothing is left behind then
   */
  async publish(name: string, content: Uint8Array | AsyncIterable<Uint8Array>): Promise<StoredArtifact> {
    if (!namePattern.test(name)) throw new Error(`'${name}' is no name for an artifact`);
    const path = unfinishedArtifact(this.#directory);
    return onStorage(async () => {
      try {
        const written = await write(path, content);
        await rename(path, join(this.#directory, name));
        // A new name lasts only when its directory has reached the disk as well.
        await syncPath(this.#directory);
        return { name, ...written };
      } catch (error) {
        await rm(path, { force: true });
        throw error;
      }
    });
  }

  /**
   * Where an artifact lies; undefined for a name it cannot have, a file that is not there, or one that is no plain file.
   * Looked up in place: that takes microseconds, of which a cached answer has few to spend on a way through other threads.
   */
  async find(name: string): Promise<{ path: string; bytes: number } | undefined> {
    if (!namePattern.test(name)) return undefined;
    const path = join(this.#directory, name);
    const found = stored(() => lstatSync(path, { throwIfNoEntry: false }));
    return found?.isFile() ? { path, bytes: found.size } : undefined;
  }

  /** All artifacts, by name in byte order. */
  async list(): Promise<KeptArtifact[]> {
    return onStorage(() => this.#filesNamed((name) => namePattern.test(name)));
  }

  async #filesNamed(isWanted: (name: string) => boolean): Promise<KeptArtifact[]> {
    const files: KeptArtifact[] = [];
    for (const name of (await readdir(this.#directory)).sort()) {
      const found = isWanted(name) ? await lstat(join(this.#directory, name)).catch(absent) : undefined;
      if (found?.isFile()) files.push({ name, bytes: found.size, published: found.mtimeMs });
    }
    return files;
  }

  /** What was never finished: being written at this moment, or left half written. */
  async unfinished(): Promise<KeptArtifact[]> {
    return onStorage(() => this.#filesNamed((name) => name.startsWith(temporary)));
  }

  /** Removes what `unfinished` named; what is gone already is as good. */
  async removeUnfinished(name: string): Promise<void> {
    if (!name.startsWith(temporary) || name.includes("/"))
      throw new Error(`'${name}' is no unfinished artifact`);
    await onStorage(() => rm(join(this.#directory, name), { force: true }));
  }

  /** Removes an artifact; one that is gone already is as good. */
  async remove(name: string): Promise<void> {
    if (!namePattern.test(name)) throw new Error(`'${name}' is no name for an artifact`);
    await onStorage(() => rm(join(this.#directory, name), { force: true }));
  }
}

/** A path in a directory of artifacts for one that is not whole yet: whatever has such a name is swept away at start. */
export function unfinishedArtifact(directory: string): string {
  return join(directory, `${temporary}${randomUUID()}`);
}

async function write(path: string, content: Uint8Array | AsyncIterable<Uint8Array>) {
  await using file = await open(path, "wx", 0o644);
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of content instanceof Uint8Array ? chunksOf(content) : content) {
    hash.update(chunk);
    bytes += chunk.length;
    await writeAll(file, chunk);
  }
  await file.sync();
  return { bytes, sha256: hash.digest("hex") };
}

/** A write may take fewer bytes than it is given; the rest comes with the next one. */
async function writeAll(file: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let done = 0; done < chunk.length; ) {
    done += (await file.write(chunk, done)).bytesWritten;
  }
}

function* chunksOf(content: Uint8Array): Generator<Uint8Array> {
  for (let from = 0; from < content.length; from += chunkBytes)
    yield content.subarray(from, from + chunkBytes);
}

function absent(error: unknown): undefined {
  if (errorCode(error) !== "ENOENT") throw error;
}

async function onStorage<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw storageFault(error);
  }
}
