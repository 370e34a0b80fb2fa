import { lstat, readdir, readlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { layoutFileName } from "../layout/shelf.ts";
import { type SyncedLayouts, syncedNames } from "../layout/synced.ts";
import { type Alias, isMember, places } from "./manifest.ts";

/** A file on the disk and what it is called in the archive. */
export interface Source {
  path: string;
  file: string;
}

export interface LayoutSources {
  files: Source[];
  aliases: Alias[];
  /** Name of the synced library in force. */
  synced: string | null;
}

/** The layouts of a server: the operator's own, and the synced library in force with its history. */
export async function findLayouts(own: string, synced: SyncedLayouts): Promise<LayoutSources> {
  const library = synced.current();
  const shelves = [await readShelf(own, places.own)];
  if (library) shelves.push(await readShelf(library.files, `${places.synced}${syncedNames.files}/`));
  const files = shelves.flatMap((shelf) => shelf.files);
  const aliases = shelves.flatMap((shelf) => shelf.aliases);
  if (!library) return { files, aliases, synced: null };
  const directory = dirname(library.files);
  files.push({
    path: `${places.synced}${syncedNames.source}`,
    file: join(directory, syncedNames.source),
  });
  if (library.repository) files.push(...(await readRepository(library.repository)));
  return { files, aliases, synced: basename(directory) };
}

/** The layouts of a directory, as they would be served: plain files, and links to one beside them. */
async function readShelf(
  directory: string,
  place: string,
): Promise<Pick<LayoutSources, "files" | "aliases">> {
  const shelf: Pick<LayoutSources, "files" | "aliases"> = { files: [], aliases: [] };
  for (const entry of await entriesOf(directory)) {
    if (!layoutFileName.test(entry.name)) continue;
    const [path, file] = [`${place}${entry.name}`, join(directory, entry.name)];
    if (entry.isFile()) shelf.files.push({ path, file });
    if (!entry.isSymbolicLink()) continue;
    const target = await readlink(file);
    if (layoutFileName.test(target)) shelf.aliases.push({ path, target });
  }
  return shelf;
}

async function readRepository(repository: string): Promise<Source[]> {
  const sources: Source[] = [];
  for (const name of await readdir(repository, { recursive: true })) {
    const path = `${places.synced}${syncedNames.repository}/${name}`;
    const file = join(repository, name);
    if (isMember(path) && (await lstat(file)).isFile()) sources.push({ path, file });
  }
  return sources.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function entriesOf(directory: string) {
  try {
    return (await readdir(directory, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
