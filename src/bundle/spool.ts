import { createHash } from "node:crypto";
import { type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { join } from "node:path";

/** Bytes read at once. */
const chunkSize = 1024 * 1024;

/** Where a blob is in the spool. */
interface Place {
  start: number;
  size: number;
}

/**
 * Blobs on their way from the daemon to an archive, by their SHA-256. The file they wait in has no name, so that the system
 * takes it back however this process ends.
 */
export class Spool {
  readonly #file: FileHandle;
  readonly #places = new Map<string, Place>();
  #end = 0;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @param directory on the disk that has the room */
  static async open(directory: string): Promise<Spool> {
    const work = await mkdtemp(join(directory, ".kiisrv-bundle-"));
    try {
      return new Spool(await open(join(work, "spool"), "wx+", 0o600));
    } finally {
      await rm(work, { recursive: true });
    }
  }

  /**
   * Takes a stream to its end, and keeps it if it is one of those wanted that is not there yet.
   * @param wanted SHA-256, hexadecimal
   */
  async take(source: AsyncIterable<Uint8Array>, wanted: ReadonlySet<string>): Promise<void> {
    const hash = createHash("sha256");
    let size = 0;
    for await (const chunk of source) {
      hash.update(chunk);
      await this.#write(chunk, this.#end + size);
      size += chunk.length;
    }
    const sha256 = hash.digest("hex");
    if (!wanted.has(sha256) || this.#places.has(sha256)) return;
    this.#places.set(sha256, { start: this.#end, size });
    this.#end += size;
  }

  async #write(chunk: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < chunk.length; ) {
      done += (await this.#file.write(chunk, done, chunk.length - done, position + done)).bytesWritten;
    }
  }

  /** Bytes. @throws Error when the blob did not come */
  size(sha256: string): number {
    return this.#place(sha256).size;
  }

  /** @throws Error when the blob did not come */
  async *read(sha256: string): AsyncGenerator<Uint8Array> {
    const { start, size } = this.#place(sha256);
    for (let done = 0; done < size; ) {
      const chunk = Buffer.allocUnsafe(Math.min(chunkSize, size - done));
      const { bytesRead } = await this.#file.read(chunk, 0, chunk.length, start + done);
      if (bytesRead === 0) throw new Error("the spool is shorter than what was written to it");
      yield chunk.subarray(0, bytesRead);
      done += bytesRead;
    }
  }

  #place(sha256: string): Place {
    const place = this.#places.get(sha256);
    if (place === undefined) throw new Error(`the daemon did not hand over blob ${sha256} of its images`);
    return place;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
