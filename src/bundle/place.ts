import { createHash } from "node:crypto";
import { lstat, mkdir, readFile, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type FileMember, isFile, type LinkMember, memberNames, parseManifest } from "./manifest.ts";

/** What became of a member: a file of the operator's that differs is kept, and the bundle's laid beside it as `.new`. */
export type Placement = "new" | "updated" | "there" | "kept";

/** A directory into which bundles are put, one after another. */
export class Place {
  readonly #directory: string;
  /** Checksums of what the bundle before put there: what still has them was not changed by the operator. */
  readonly #before: ReadonlyMap<string, string>;

  private constructor(directory: string, before: ReadonlyMap<string, string>) {
    this.#directory = directory;
    this.#before = before;
  }

  /** @param directory made if it is not there */
  static async open(directory: string): Promise<Place> {
    await mkdir(directory, { recursive: true });
    const file = join(directory, memberNames.manifest);
    const bytes = await read(file);
    const members = bytes === undefined ? [] : parseManifest(bytes, file).members;
    return new Place(directory, new Map(members.filter(isFile).map(({ path, sha256 }) => [path, sha256])));
  }

  async put({ path, sha256 }: FileMember, bytes: Buffer): Promise<Placement> {
    const target = join(this.#directory, path);
    const old = await read(target);
    if (old === undefined) {
      await write(target, bytes);
      return "new";
    }
    const oldSha256 = createHash("sha256").update(old).digest("hex");
    if (oldSha256 === sha256) return "there";
    const ours = this.#before.get(path) === oldSha256;
    await write(ours ? target : `${target}.new`, bytes);
    return ours ? "updated" : "kept";
  }

  /** A link is put where nothing is, and never changed. */
  async link({ path, link }: LinkMember): Promise<Placement> {
    const target = join(this.#directory, path);
    const there = await lstat(target).catch(absent);
    if (there !== undefined) {
      return there.isSymbolicLink() && (await readlink(target)) === link ? "there" : "kept";
    }
    await mkdir(dirname(target), { recursive: true });
    await symlink(link, target);
    return "new";
  }

  /** Remembers, once all is placed, what the bundle put there. */
  async finish(manifestBytes: Buffer): Promise<void> {
    await write(join(this.#directory, memberNames.manifest), manifestBytes);
  }
}

async function write(target: string, bytes: Buffer): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const part = `${target}.part`;
  await rm(part, { force: true });
  await writeFile(part, bytes, { flush: true, flag: "wx" });
  await rename(part, target);
}

function read(file: string): Promise<Buffer | undefined> {
  return readFile(file).catch(absent);
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code === "ENOENT") return undefined;
  throw error;
}
