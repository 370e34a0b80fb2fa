import { stat, statfs } from "node:fs/promises";

/** What is left on a file system for who is not root. */
export interface FreeSpace {
  /** Tells file systems apart. */
  device: number;
  bytes: number;
  /** Files that can still be made; infinite where there is no such limit. */
  files: number;
}

/** What is left where a directory is. @throws Error of the system when it cannot be asked */
export async function freeSpace(directory: string): Promise<FreeSpace> {
  const [{ dev }, { bavail, bsize, files, ffree }] = await Promise.all([stat(directory), statfs(directory)]);
  return { device: dev, bytes: bavail * bsize, files: files === 0 ? Number.POSITIVE_INFINITY : ffree };
}
