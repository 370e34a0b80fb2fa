import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Problem } from "../errors.ts";
import { parseJson } from "./json.ts";
import { type BaseLayout, checkBase } from "./schema.ts";
import { findFile, listFiles, realPath, type ShelvedFile } from "./shelf.ts";
import type { SyncedLayouts } from "./synced.ts";

/** A layout file as it is served. */
export interface LayoutFile {
  bytes: Buffer;
}

/** The library at one moment: a sync that ends meanwhile changes nothing of it. */
export interface LibraryView {
  /** The names that can be asked for, aliases included, sorted. */
  names(): string[];
  find(name: string): ShelvedFile | undefined;
}

/**
 * The layouts by file name: those of the operator's directory, then those that were synced. An alias is a symbolic
 * link to another file of the same directory. Files are read again when they change, so an operator can replace one,
 * or sync, while the server runs.
 */
export class LayoutLibrary {
  readonly directory: string;
  readonly #synced: SyncedLayouts | undefined;
  readonly #bases = new Map<string, { stamp: string; base: BaseLayout }>();

  constructor(directory: string, synced?: SyncedLayouts) {
    this.directory = resolve(directory);
    this.#synced = synced;
  }

  /** A directory that is not there holds no layouts. */
  view(): LibraryView {
    const places = [realPath(this.directory), this.#synced?.current()?.files];
    const shelves = places.filter((place) => place !== undefined);
    return {
      names: () => [...new Set(shelves.flatMap(listFiles))].sort(),
      find(name) {
        for (const shelf of shelves) {
          const found = findFile(shelf, name);
          if (found) return found;
        }
        return undefined;
      },
    };
  }

  /** @returns undefined when the library has no such layout */
  read(name: string): LayoutFile | undefined {
    const found = this.view().find(name);
    return found && { bytes: readFileSync(found.path) };
  }

  /**
   * The keys of a base layout; the same object as long as the file does not change.
   * @returns undefined when the library has no such layout
   * @throws Problem `internal` when the file is there but no layout
   */
  base(name: string): BaseLayout | undefined {
    const found = this.view().find(name);
    if (!found) return undefined;
    const kept = this.#bases.get(name);
    if (kept?.stamp === found.stamp) return kept.base;
    const base = readBase(name, found.path);
    this.#bases.set(name, { stamp: found.stamp, base });
    return base;
  }
}

/** What is wrong with a file of the library is the server's fault, not the fault of who posts a layout. */
function readBase(name: string, path: string): BaseLayout {
  try {
    const checked = checkBase(parseJson(readFileSync(path)).value);
    if (checked.ok) return checked.value;
    const [first] = checked.complaints;
    throw new Error(`${first?.path}: ${first?.message}`);
  } catch (cause) {
    throw new Problem("internal", `the base layout ${name} of this server is broken`, { cause });
  }
}
