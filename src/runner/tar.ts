import { buffer } from "node:stream/consumers";
import { type Extract, extract, type Header, pack } from "tar-stream";
import { Problem } from "../errors.ts";
import type { InputFile } from "../spec/spec.ts";
import type { User } from "./container.ts";
import { unavailable } from "./daemon.ts";
import { type Collected, Collector } from "./outputs.ts";
import type { OutputLimits } from "./tally.ts";
import type { EntryKind } from "./walk.ts";
import { plainName } from "./workspace.ts";

const root: User = { uid: 0, gid: 0 };
/** A day that is in no future anywhere. */
const mtime = new Date(0);

/**
 * The directories of a build and its inputs, as they are to be unpacked where its volume is: `config/<id>/…`, `builds/`.
 * Inputs are root's, for others to read; there is no read-only mount to see to that.
 * @param user who may write outputs
 */
export async function packInputs(id: string, files: readonly InputFile[], user: User): Promise<Buffer> {
  const archive = pack();
  const inputs = `config/${plainName(id)}`;
  archive.entry({ name: inputs, type: "directory", mode: 0o755, mtime, ...root });
  archive.entry({ name: "builds", type: "directory", mode: 0o700, mtime, ...user });
  for (const { name, text } of files) {
    archive.entry({ name: `${inputs}/${plainName(name)}`, mode: 0o644, mtime, ...root }, text);
  }
  archive.finalize();
  return buffer(archive);
}

/** A file to try with whether there is room. */
export async function packProbe(bytes: number): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name: ".kiisrv-room", mode: 0o600, mtime, ...root }, Buffer.alloc(bytes));
  archive.finalize();
  return buffer(archive);
}

/**
 * Reads the archive that a daemon makes of a build's outputs: as hostile as the directory it is made of.
 * The first step of each name is the directory's own.
 * @param most bytes of the archive that are read
 * @throws Problem `runner-unavailable` if it is none, or not whole
 */
export async function unpackOutputs(
  archive: AsyncIterable<Buffer>,
  most: number,
  limits: OutputLimits,
): Promise<Collected> {
  const collector = new Collector(limits);
  const entries = extract();
  const fed = feed(archive, entries, most);
  // A file's second name is told as a link to its first.
  const files = new Map<string, Buffer>();
  try {
    for await (const entry of entries) {
      const { header } = entry;
      const known = header.type === "link" ? files.get(header.linkname) : undefined;
      const kind = known === undefined ? kindOf(header) : "file";
      const path = Buffer.from(header.name.replace(/\/$/, ""));
      const below = path.indexOf("/");
      const size = kind === "file" ? (known?.length ?? header.size) : 0;
      const read = async () => {
        const bytes = known ?? (await buffer(entry));
        files.set(header.name, bytes);
        return bytes;
      };
      // Without a slash: the directory itself.
      const room = below < 0 || (await collector.take(kind, path.subarray(below + 1), size, read));
      if (!room) break;
      entry.resume();
    }
  } catch (error) {
    const reason = await fed;
    if (reason === "too large") return { ...collector.finish(), excess: tooLarge(limits) };
    throw reason ?? unavailable("The outputs of the build did not arrive whole.", error);
  }
  await fed;
  return collector.finish();
}

/** Hands an archive on until its reader has enough; says why that was not all of it. */
async function feed(archive: AsyncIterable<Buffer>, entries: Extract, most: number) {
  let length = 0;
  const closed = new Promise<void>((resolve) => entries.once("close", resolve));
  try {
    for await (const chunk of archive) {
      length += chunk.length;
      if (length > most) {
        entries.destroy(new Error("too large"));
        return "too large";
      }
      const wait = !entries.write(chunk);
      if (wait && !entries.destroying) {
        await Promise.race([closed, new Promise<void>((resolve) => entries.once("drain", resolve))]);
      }
      if (entries.destroying) return undefined;
    }
    entries.end(null);
    return undefined;
  } catch (error) {
    entries.destroy(new Error("broken off"));
    return error instanceof Problem ? error : unavailable("The outputs of the build did not arrive.", error);
  }
}

function tooLarge({ outputBytes }: OutputLimits): string {
  return `The outputs of the build exceed ${outputBytes} bytes.`;
}

/** A name that leads elsewhere is one, whatever it leads to. */
function kindOf({ type }: Header): EntryKind {
  if (type === "file" || type === "contiguous-file") return "file";
  if (type === "directory") return "directory";
  return type === "link" || type === "symlink" ? "link" : "special";
}
