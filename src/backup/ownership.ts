import { lchown, lstat, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

export interface Owner {
  uid: number;
  gid: number;
}

/**
 * Whom the files of a directory are for: root may restore what another user's server is to write to.
 * @returns undefined for who is not root, and can give nothing away
 */
export async function ownerOf(directory: string): Promise<Owner | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await stat(directory);
  return { uid, gid };
}

/** Gives a file, or a directory with all there is in it, to its owner; links are not followed. */
export async function giveTo(owner: Owner | undefined, path: string): Promise<void> {
  if (!owner) return;
  await lchown(path, owner.uid, owner.gid);
  if (!(await lstat(path)).isDirectory()) return;
  for (const name of await readdir(path)) await giveTo(owner, join(path, name));
}
