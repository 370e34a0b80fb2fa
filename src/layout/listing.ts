import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { setImmediate as letOthersRun } from "node:timers/promises";
import type { Checked } from "../errors.ts";
import { inspectLayout, type LayoutFacts } from "./inspect.ts";
import type { LayoutLibrary } from "./library.ts";
import type { ShelvedFile } from "./shelf.ts";

/** A layout as the list of them shows it. */
export interface ListedLayout {
  /** The file's name without `.json`. */
  name: string;
  /** Where it is served, relative to the server's base. */
  url: string;
  /** The name of the layout this one is another name of. */
  alias?: string;
  bytes: number;
  /** `header.Name`; null, as those below, for a base layout without a header. */
  board: string | null;
  variant: string | null;
  layout: string | null;
  base: string | null;
  keys: number;
  layers: number;
}

/** A file that is served, but is no layout. */
export interface BrokenLayout extends Pick<ListedLayout, "name" | "url" | "alias" | "bytes"> {
  error: string;
}

type Facts = Omit<ListedLayout, "name" | "url" | "alias"> | Omit<BrokenLayout, "name" | "url" | "alias">;

/** More files than these are left out of the list. */
const mostListed = 5000;

/** Files that are looked up before others have their turn. */
const breath = 50;

/** The list of a library. A file is read again only when it changed. */
export class LayoutListing {
  readonly #library: LayoutLibrary;
  #facts = new Map<string, Facts>();
  #listing: Promise<(ListedLayout | BrokenLayout)[]> | undefined;

  constructor(library: LayoutLibrary) {
    this.#library = library;
  }

  /** All layouts by name, of one moment of the library. Whoever asks while a list is being made gets that one. */
  list(): Promise<(ListedLayout | BrokenLayout)[]> {
    this.#listing ??= this.#make().finally(() => {
      this.#listing = undefined;
    });
    return this.#listing;
  }

  async #make(): Promise<(ListedLayout | BrokenLayout)[]> {
    const view = this.#library.view();
    const facts = new Map<string, Facts>();
    const layouts: (ListedLayout | BrokenLayout)[] = [];
    for (const [index, name] of view.names().slice(0, mostListed).entries()) {
      if (index % breath === 0) await letOthersRun();
      const file = view.find(name);
      if (!file) continue;
      const known = facts.get(file.stamp) ?? this.#facts.get(file.stamp) ?? (await readFacts(file));
      facts.set(file.stamp, known);
      layouts.push({ ...identify(name, file), ...known });
    }
    this.#facts = facts;
    return layouts;
  }
}

function identify(name: string, { path }: ShelvedFile) {
  const target = basename(path);
  return {
    name: stem(name),
    url: `./layouts/${encodeURIComponent(name)}`,
    ...(target === name ? {} : { alias: stem(target) }),
  };
}

function stem(name: string): string {
  return name.slice(0, -".json".length);
}

async function readFacts({ path, bytes }: ShelvedFile): Promise<Facts> {
  // Checking takes milliseconds.
  await letOthersRun();
  const inspected = await inspectFile(path);
  if (!inspected.ok) {
    const [first] = inspected.complaints;
    return { bytes, error: first?.path ? `${first.path}: ${first.message}` : (first?.message ?? "") };
  }
  const { header, keys, layers } = inspected.value;
  return {
    bytes,
    board: header?.Name ?? null,
    variant: header?.Variant ?? null,
    layout: header?.Layout ?? null,
    base: header?.Base ?? null,
    keys,
    layers,
  };
}

/** A file that goes away, or may not be read, is no reason to show no list. */
async function inspectFile(path: string): Promise<Checked<LayoutFacts>> {
  try {
    return inspectLayout(await readFile(path));
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    return { ok: false, complaints: [{ path: "", message: `cannot be read (${error.code})` }] };
  }
}
