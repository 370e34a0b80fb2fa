import { randomUUID } from "node:crypto";
import { access, constants, open, rm, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { DirectoryFacts, DiskFacts, Settings } from "../facts.ts";
import { within } from "../patience.ts";
import { requireAnswer } from "./stuck.ts";

/** Milliseconds a file system has for all that is asked of it here. */
const patience = 4000;

/** Looks at the directories the server writes to; one whose file system hangs does not hold up the others. */
export function lookAtDirectories(settings: Settings): Promise<DirectoryFacts[]> {
  const named = {
    KIISRV_DATA: settings.data,
    KIISRV_TMP_CONFIG: settings.tmpConfig,
    KIISRV_TMP_BUILDS: settings.tmpBuilds,
    KIISRV_ARTIFACTS: settings.artifacts,
  };
  const different = Object.entries(named).filter(
    ([, path], index, all) => all.findIndex(([, other]) => other === path) === index,
  );
  return Promise.all(
    different.map(async ([variable, path]) => {
      const silent = { variable, path, stat: null, skew: null, space: null };
      return within(patience, lookAtDirectory(variable, path)).catch((error: Error) => ({
        ...silent,
        writeError: error.message,
      }));
    }),
  );
}

async function lookAtDirectory(variable: string, path: string): Promise<DirectoryFacts> {
  await requireAnswer(path);
  const found = await stat(path).catch(absent);
  if (found === undefined) {
    const above = await nearestAbove(path);
    const writeError = await access(above, constants.W_OK | constants.X_OK).then(
      () => null,
      (error: Error) => `it cannot be made: ${error.message}`,
    );
    return { variable, path, stat: null, writeError, skew: null, space: await spaceOf(above) };
  }
  const { uid, gid, mode } = found;
  const [written, space] = await Promise.all([write(path), spaceOf(path)]);
  return { variable, path, stat: { uid, gid, mode }, ...written, space };
}

/** Writes a file as the server does: whole, and through to the disk; removes it. */
async function write(directory: string): Promise<Pick<DirectoryFacts, "writeError" | "skew">> {
  const path = join(directory, `.kiisrv-doctor-${randomUUID()}`);
  try {
    const before = Date.now();
    await using file = await open(path, "wx", 0o600);
    await file.writeFile(Buffer.alloc(4096));
    await file.sync();
    const { mtimeMs } = await file.stat();
    const skew = mtimeMs < before ? mtimeMs - before : Math.max(0, mtimeMs - Date.now());
    return { writeError: null, skew };
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    return { writeError: error.message, skew: null };
  } finally {
    await rm(path, { force: true }).catch(absent);
  }
}

async function spaceOf(path: string): Promise<DiskFacts> {
  const { bavail, blocks, bsize, ffree, files } = await statfs(path);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeFiles: ffree, totalFiles: files };
}

/** The server makes a directory that is not there, if it may. */
async function nearestAbove(path: string): Promise<string> {
  const above = dirname(path);
  const found = await stat(above).catch(absent);
  return found !== undefined || above === path ? above : nearestAbove(above);
}

/** What may not be looked at, or written, says so when it is written to. */
function absent(error: unknown): undefined {
  if (error instanceof Error && "code" in error) return undefined;
  throw error;
}
