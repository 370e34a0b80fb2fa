import { buffer } from "node:stream/consumers";
import { extract, type Header, pack } from "tar-stream";
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
 * Reads the archive that a daemon made of a build's outputs: as hostile as the directory it was made of.
 * The first step of each name is the directory's own.
 * @throws Problem `runner-unavailable` if it is none, or not whole
 */
export async function unpackOutputs(archive: Buffer, limits: OutputLimits): Promise<Collected> {
  const collector = new Collector(limits);
  const entries = extract();
  entries.end(archive);
  try {
    for await (const entry of entries) {
      const { name, size = 0 } = entry.header;
      const kind = kindOf(entry.header);
      const path = Buffer.from(name.replace(/\/$/, ""));
      const below = path.indexOf("/");
      const length = kind === "file" ? size : 0;
      // Without a slash: the directory itself.
      const room =
        below < 0 || (await collector.take(kind, path.subarray(below + 1), length, () => buffer(entry)));
      if (!room) break;
      entry.resume();
    }
  } catch (error) {
    // It is in memory: whatever fails here is its fault.
    throw unavailable("The outputs of the build did not arrive whole.", error);
  }
  return collector.finish();
}

/** A second name of a file counts as a link: what it names may be none of the outputs. */
function kindOf({ type }: Header): EntryKind {
  if (type === "file" || type === "contiguous-file") return "file";
  if (type === "directory") return "directory";
  return type === "link" || type === "symlink" ? "link" : "special";
}
