import { readFileSync } from "node:fs";
import { basename } from "node:path";
import type { FirmwareVersion, Release } from "../firmware/versions.ts";
import { findFile, listFiles, realPath } from "../layout/shelf.ts";
import type { SyncedLayouts } from "../layout/synced.ts";
import { syncedNames } from "../layout/synced.ts";
import type { Content } from "./save.ts";

/** The operator's own layouts, below `layouts/`; aliases as links. */
export function ownLayouts(directory: string): Content[] {
  const real = realPath(directory);
  return real === undefined ? [] : shelf(real, "layouts");
}

/**
 * The synced library, below `synced/`, as `KIISRV_LAYOUTS_SEED` takes it. Without its history: that can be synced again.
 */
export function syncedLayouts(synced: SyncedLayouts): Content[] {
  const library = synced.current();
  if (library === undefined) return [];
  const directory = `synced/${syncedNames.current}`;
  const source = { ...library.source, commit: null };
  return [
    { path: `${directory}/${syncedNames.source}`, bytes: print(source) },
    ...shelf(library.files, `${directory}/${syncedNames.files}`),
  ];
}

/** What is known of the versions carried, for people: the server finds the same in its images and its tables. */
export function versionFacts(
  versions: readonly FirmwareVersion[],
  release: (tag: string) => Release | undefined,
): Content {
  const facts = versions.map((version) => ({
    ...version,
    release: (version.git_tag === null ? undefined : release(version.git_tag)) ?? null,
  }));
  return { path: "versions.json", bytes: print(facts) };
}

function shelf(directory: string, folder: string): Content[] {
  return listFiles(directory)
    .sort()
    .flatMap((name) => {
      const file = findFile(directory, name);
      if (file === undefined) return [];
      const path = `${folder}/${name}`;
      const target = basename(file.path);
      return [target === name ? { path, bytes: readFileSync(file.path) } : { path, link: target }];
    });
}

function print(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}
