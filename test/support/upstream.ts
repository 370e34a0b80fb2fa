import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type SimpleGit, simpleGit } from "simple-git";
import { LayoutHistory } from "../../src/layout/history.ts";
import { LayoutLibrary } from "../../src/layout/library.ts";
import { syncLayouts } from "../../src/layout/sync.ts";
import { type LayoutsSource, SyncedLayouts } from "../../src/layout/synced.ts";
import { fetchLimits } from "../../src/layout/upstream.ts";
import { temporaryDirectory } from "./app.ts";
import { demoDocument } from "./documents.ts";

/** A git repository with layouts, as somebody else would publish it. */
export class Upstream {
  readonly directory = temporaryDirectory();
  readonly git: SimpleGit;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.git = simpleGit(this.directory, {
      config: ["user.name=Ada", "user.email=ada@example.org", "commit.gpgsign=false", "tag.gpgsign=false"],
    });
  }

  /** One with a commit of `Tiny-Base.json`, `Tiny-One.json` and its alias `T-One.json`. */
  static async create(folder = "layouts"): Promise<Upstream> {
    const upstream = new Upstream(folder);
    await upstream.git.init(["--initial-branch=main"]);
    mkdirSync(join(upstream.directory, folder), { recursive: true });
    upstream.write("Tiny-Base.json", tiny("Base"));
    upstream.write("Tiny-One.json", tiny("One"));
    upstream.link("T-One.json", "Tiny-One.json");
    await upstream.commit();
    return upstream;
  }

  write(name: string, text: string | Buffer): void {
    writeFileSync(join(this.directory, this.#folder, name), text);
  }

  link(name: string, target: string): void {
    rmSync(join(this.directory, this.#folder, name), { force: true });
    symlinkSync(target, join(this.directory, this.#folder, name));
  }

  /** Commits the files as they are; gives the commit's hash. */
  async commit(): Promise<string> {
    await this.git.add(".").commit("a change");
    return (await this.git.revparse("HEAD")).trim();
  }
}

/** A sound layout of the board Tiny, as text. */
export function tiny(layout: string, variant = ""): string {
  const document = demoDocument();
  Object.assign(document.header, { Name: "Tiny", Layout: layout, Base: "Base", Variant: variant });
  return JSON.stringify(document);
}

/** Syncs as the command does, but for its lock. */
export function sync(place: string, from: string, more: Partial<Parameters<typeof syncLayouts>[0]> = {}) {
  mkdirSync(place, { recursive: true });
  const { environment = process.env, limits = fetchLimits, ref } = more;
  return syncLayouts({ place, from, ref, environment, limits }) satisfies Promise<LayoutsSource>;
}

/** What a library holds after a sync of `Upstream.create()`, beside the operator's own. */
export const tinyNames = ["Demo-Own.json", "T-One.json", "Tiny-Base.json", "Tiny-One.json"];

/** An operator's directory with `Demo-Own.json`, and a place for synced layouts. */
export function openLibrary() {
  const [own, place] = [temporaryDirectory(), join(temporaryDirectory(), "layouts")];
  writeFileSync(join(own, "Demo-Own.json"), tiny("Own"));
  const synced = new SyncedLayouts(place);
  const library = new LayoutLibrary(own, synced);
  return {
    own,
    place,
    synced,
    library,
    history: new LayoutHistory(own, synced),
    names: () => library.view().names(),
    text: (name: string) => library.read(name)?.bytes.toString(),
  };
}
