import { readdirSync, readFileSync, realpathSync, type Stats, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { Problem } from "../errors.ts";
import { parseJson } from "./json.ts";
import { type BaseLayout, checkBase } from "./schema.ts";

/** A layout file as it is served. */
export interface LayoutFile {
  bytes: Buffer;
}

/** A plain file name: no directory, nothing hidden. */
export const layoutFileName = /^[A-Za-z0-9_-][A-Za-z0-9._ -]{0,199}\.json$/;

/** Files larger than this are no layouts; the largest known is 76 kB. */
const maxBytes = 10 * 1024 * 1024;

/**
 * The layouts of one directory, by file name. An alias is a symbolic link to another file of the directory.
 * Files are read again when they change, so an operator can replace one while the server runs.
 */
export class LayoutLibrary {
  readonly directory: string;
  readonly #bases = new Map<string, { stamp: string; base: BaseLayout }>();

  constructor(directory: string) {
    this.directory = resolve(directory);
  }

  /** The names that can be asked for, aliases included, sorted. */
  names(): string[] {
    try {
      return readdirSync(this.directory)
        .filter((name) => layoutFileName.test(name) && this.#locate(name) !== undefined)
        .sort();
    } catch (cause) {
      throw new Problem("internal", `the layout library ${this.directory} cannot be read`, { cause });
    }
  }

  /** @returns undefined when the library has no such layout */
  read(name: string): LayoutFile | undefined {
    const found = this.#locate(name);
    return found && { bytes: readFileSync(found.path) };
  }

  /**
   * The keys of a base layout; the same object as long as the file does not change.
   * @returns undefined when the library has no such layout
   * @throws Problem `internal` when the file is there but no layout
   */
  base(name: string): BaseLayout | undefined {
    const found = this.#locate(name);
    if (!found) return undefined;
    const kept = this.#bases.get(name);
    if (kept?.stamp === found.stamp) return kept.base;
    const base = readBase(name, found.path);
    this.#bases.set(name, { stamp: found.stamp, base });
    return base;
  }

  /** Follows an alias, but never out of the directory. */
  #locate(name: string): { path: string; stamp: string } | undefined {
    if (!layoutFileName.test(name)) return undefined;
    const stat = statFile(join(this.directory, name));
    if (!stat?.isFile() || stat.size > maxBytes) return undefined;
    const path = realpathSync(join(this.directory, name));
    const inside = dirname(path) === realpathSync(this.directory) && layoutFileName.test(basename(path));
    if (!inside) return undefined;
    return { path, stamp: `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}` };
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

/** @returns undefined for what is not there, and for a link that leads round to itself */
function statFile(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ELOOP") return undefined;
    throw error;
  }
}
