import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { chmod, type FileHandle, open, opendir, rename, rmdir, unlink } from "node:fs/promises";
import { anchorOf, isCode } from "./walk.ts";

/**
 * Removes a directory whatever a hostile build left in it: unreadable directories, names that are no text, a nesting
 * deeper than any path can name. Directories are moved up to just below the root before they are looked into, so
 * that paths stay short. A build that still runs (a daemon may fail to end it) may leave more behind meanwhile, but cannot
 * lead this elsewhere: each path begins at an open directory. A directory that is not there is fine.
 * @throws Error with code EACCES or EPERM for what belongs to another user
 */
export async function removeTree(root: string): Promise<void> {
  try {
    await using top = await enter(Buffer.from(root));
    if (top === undefined) throw new Error(`not a directory: ${root}`);
    await emptyTree(anchorOf(top, Buffer.from(root)));
    await rmdir(root);
  } catch (error) {
    if (!isCode(error, "ENOENT")) throw error;
  }
}

/** @param top path to an open directory */
async function emptyTree(top: Buffer): Promise<void> {
  const prefix = randomUUID();
  const waiting: Buffer[] = [];
  let moved = 0;
  const empty = async (directory: Buffer) => {
    for await (const inner of emptied(directory)) {
      moved += 1;
      const above = below(top, `${prefix}-${moved}`);
      await rename(inner, above);
      waiting.push(above);
    }
  };
  await empty(top);
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    await using entered = await enter(directory);
    // A link has taken its place.
    if (entered === undefined) await unlink(directory);
    else {
      await empty(anchorOf(entered, directory));
      await rmdir(directory);
    }
  }
}

/** Removes all but the directories in a directory, and gives those, opened up. */
async function* emptied(directory: Buffer): AsyncGenerator<Buffer> {
  for await (const child of await opendir(directory, { encoding: "latin1" })) {
    const path = below(directory, child.name);
    if (!child.isDirectory()) {
      await unlink(path);
      continue;
    }
    // A directory can be moved only by one who may write to it.
    await using entered = await enter(path);
    if (entered === undefined) await unlink(path);
    else yield path;
  }
}

/** Opens a directory, whatever its mode says, and gives us all rights to it; undefined if it is none, but a link, say. */
async function enter(path: Buffer): Promise<FileHandle | undefined> {
  try {
    const entered = await open(path, byPath | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    await chmod(anchorOf(entered, path), 0o700);
    return entered;
  } catch (error) {
    if (isCode(error, "ENOTDIR", "ELOOP")) return undefined;
    throw error;
  }
}

/** Linux's O_PATH, which Node does not name: to stand in a directory takes no right to read it. */
const byPath = process.platform === "linux" ? 0o10000000 : constants.O_RDONLY;

/** @param name each byte a character */
function below(directory: Buffer, name: string): Buffer {
  return Buffer.concat([directory, Buffer.from(`/${name}`, "latin1")]);
}
