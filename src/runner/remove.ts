import { randomUUID } from "node:crypto";
import { chmod, opendir, rename, rmdir, unlink } from "node:fs/promises";
import { isCode } from "./walk.ts";

/**
 * Removes a directory whatever a hostile build left in it: unreadable directories, names that are no text, a nesting
 * deeper than any path can name. Directories are moved up to just below the root before they are looked into, so
 * that paths stay short. Nothing else may be at work in there. A directory that is not there is fine.
 * @throws Error with code EACCES or EPERM for what belongs to another user
 */
export async function removeTree(root: string): Promise<void> {
  const top = Buffer.from(`${root}/`);
  const prefix = randomUUID();
  let moved = 0;
  try {
    const belowTop = await empty(Buffer.from(root), async (path) => path);
    for (let directory = belowTop.pop(); directory !== undefined; directory = belowTop.pop()) {
      const inner = await empty(directory, async (path) => {
        moved += 1;
        const above = Buffer.concat([top, Buffer.from(`${prefix}-${moved}`)]);
        await rename(path, above);
        return above;
      });
      belowTop.push(...inner);
      await rmdir(directory);
    }
    await rmdir(root);
  } catch (error) {
    if (!isCode(error, "ENOENT")) throw error;
  }
}

/** Removes all but the directories in a directory; those are opened up, moved, and returned where they are now. */
async function empty(directory: Buffer, move: (path: Buffer) => Promise<Buffer>): Promise<Buffer[]> {
  await chmod(directory, 0o700);
  const directories: Buffer[] = [];
  for await (const child of await opendir(directory, { encoding: "latin1" })) {
    const path = Buffer.concat([directory, Buffer.from(`/${child.name}`, "latin1")]);
    if (!child.isDirectory()) {
      await unlink(path);
      continue;
    }
    // A directory can be moved only by one who may write to it.
    await chmod(path, 0o700);
    directories.push(await move(path));
  }
  return directories;
}
