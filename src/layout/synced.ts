import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { realPath } from "./shelf.ts";

/** What was synced. Written beside the files, in JSON. */
const sourceSchema = z.object({
  /** A URL without its credentials, or a path. */
  from: z.string(),
  /** The branch, tag or commit that was asked for; null: where the repository's HEAD pointed. */
  ref: z.string().nullable(),
  /** The commit that was found; null for a plain directory. */
  commit: z.string().nullable(),
  /** The folder of the repository that holds the layouts; empty: the repository as a whole. */
  folder: z.string(),
  /** When, in UTC. */
  date: z.string(),
  /** Layouts, aliases counted. */
  files: z.number(),
});

export type LayoutsSource = z.output<typeof sourceSchema>;

/** The synced library in force. Its paths stay the same when another one takes its place. */
export interface SyncedLibrary {
  /** Directory of the layouts, its real path. */
  files: string;
  source: LayoutsSource;
  /** The bare repository they came from; undefined for a plain directory. */
  repository: string | undefined;
}

/** The names in the directory of one synced library, and of the link that says which library is in force. */
export const syncedNames = {
  current: "current",
  files: "files",
  source: "source.json",
  repository: "upstream.git",
};

/**
 * What `kiisrv layouts sync` left. Each sync makes a directory of its own, complete and never changed; which one is in force
 * is said by one link, which the next sync replaces in one step.
 */
export class SyncedLayouts {
  readonly #places: string[];
  #known: { directory: string; library: SyncedLibrary } | undefined;

  /** @param places directories of syncs; the first in which one was done counts */
  constructor(...places: string[]) {
    this.#places = places;
  }

  /** @returns undefined when nothing was synced */
  current(): SyncedLibrary | undefined {
    for (const place of this.#places) {
      const directory = realPath(join(place, syncedNames.current));
      if (directory === undefined) continue;
      if (this.#known?.directory !== directory) this.#known = { directory, library: openSynced(directory) };
      return this.#known.library;
    }
    return undefined;
  }
}

function openSynced(directory: string): SyncedLibrary {
  const source = sourceSchema.parse(JSON.parse(readFileSync(join(directory, syncedNames.source), "utf8")));
  return {
    files: join(directory, syncedNames.files),
    source,
    repository: source.commit === null ? undefined : join(directory, syncedNames.repository),
  };
}
