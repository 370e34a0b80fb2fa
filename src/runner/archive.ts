import { constants } from "node:fs";
import { type Entry, fromBufferPromise, type ZipFile } from "yauzl";
import { type Collected, Collector } from "./outputs.ts";
import type { OutputLimits } from "./tally.ts";

/** The names under which an image from the field may leave its archive, the plain one first. */
export function archiveNames(archiveName: string): string[] {
  return [archiveName, archiveName.replace(/(\.[^.]*)?$/, "_error.zip")];
}

/**
 * Reads an archive written by an image from the field. It is as hostile as a directory: the sizes it declares
 * are not believed, links and names that lead elsewhere are left out.
 * @returns the entries, or null if it is no readable zip
 */
export async function unpack(archive: Buffer, limits: OutputLimits): Promise<Collected | null> {
  const collector = new Collector(limits);
  try {
    const zip = await fromBufferPromise(archive, { decodeStrings: false });
    for await (const entry of zip.eachEntry()) {
      if (!(await takeEntry(collector, zip, entry, limits.outputBytes))) break;
    }
  } catch (error) {
    // All bytes are in memory: whatever fails here is the fault of the archive.
    if (error instanceof Error) return null;
    throw error;
  }
  return collector.finish();
}

async function takeEntry(collector: Collector, zip: ZipFile, entry: Entry, most: number): Promise<boolean> {
  const raw = entry.fileNameRaw;
  const kind = kindOf(entry, raw);
  const bytes = kind === "file" ? await inflate(zip, entry, most) : Buffer.alloc(0);
  // One byte over the limit stands for all that were not inflated.
  const size = bytes === null ? most + 1 : bytes.length;
  return collector.take(kind, raw, size, async () => bytes ?? "it is too large");
}

/** The entry's bytes, or null as soon as there are more than `most`. */
async function inflate(zip: ZipFile, entry: Entry, most: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of await zip.openReadStreamPromise(entry)) {
    length += chunk.length;
    if (length > most) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Zips made on Unix carry the file's mode in the upper half of the external attributes; others carry 0 there. */
function kindOf(entry: Entry, rawName: Buffer): "file" | "directory" | "link" | "special" {
  const type = (entry.externalFileAttributes >>> 16) & constants.S_IFMT;
  if (type === constants.S_IFLNK) return "link";
  if (rawName.at(-1) === "/".charCodeAt(0)) return "directory";
  return type === 0 || type === constants.S_IFREG ? "file" : "special";
}
