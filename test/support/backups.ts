import { createReadStream } from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { type BackupOrder, backUpToFile } from "../../src/backup/backup.ts";
import { type RestoreOrder, type RestoreSummary, restore } from "../../src/backup/restore.ts";
import { SyncedLayouts } from "../../src/layout/synced.ts";
import { ArtifactStore } from "../../src/store/artifacts.ts";

const quiet = { signal: new AbortController().signal, onProgress: () => {} };

/** An order to back up the house of a directory (see app.ts). */
export function backupOrder(directory: string, more: Partial<BackupOrder> = {}): BackupOrder {
  return {
    data: directory,
    layouts: join(directory, "own"),
    synced: new SyncedLayouts(join(directory, "layouts")),
    artifacts: new ArtifactStore(join(directory, "artifacts")),
    withArtifacts: true,
    ...quiet,
    ...more,
  };
}

/** Backs up the house of a directory; returns the file. */
export async function backUp(directory: string, more: Partial<BackupOrder> = {}): Promise<string> {
  const file = join(directory, "backup.tar.gz");
  await backUpToFile(backupOrder(directory, more), file, true);
  return file;
}

/** Restores to the house of a directory, or what the order says instead. */
export function restoreTo(
  directory: string,
  source: string | Buffer,
  more: Partial<RestoreOrder> = {},
): Promise<RestoreSummary> {
  const artifactDirectory = join(directory, "artifacts");
  return restore(typeof source === "string" ? createReadStream(source) : Readable.from([source]), {
    data: directory,
    layouts: join(directory, "own"),
    artifactDirectory,
    artifacts: new ArtifactStore(artifactDirectory),
    replace: false,
    ...quiet,
    ...more,
  });
}

export type Entry = Pick<Header, "name"> & Partial<Header> & { text?: string };

/** An archive of whatever kind. */
export async function archiveOf(entries: readonly Entry[]): Promise<Buffer> {
  const tar = pack();
  for (const { text = "", ...header } of entries) {
    if (header.type === undefined || header.type === "file") tar.entry(header, text);
    else tar.entry({ ...header, size: 0 }, "");
  }
  tar.finalize();
  return gzipSync(await buffer(tar.pipe(new PassThrough())));
}
