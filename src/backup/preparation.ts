import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { syncedNames } from "../layout/synced.ts";
import { type ArtifactStore, unfinishedArtifact } from "../store/artifacts.ts";
import { type DatabaseName, schemaVersions } from "../store/database.ts";
import { errorCode } from "../store/faults.ts";
import { assertUsable, type CopiedArtifact, CopiedBuilds } from "../store/snapshot.ts";
import { type BackupManifest, placeOf, places } from "./manifest.ts";
import { giveTo, type Owner } from "./ownership.ts";
import { prepareLayouts } from "./ownLayouts.ts";
import { noteReplacements, type Replacement } from "./replacements.ts";

export interface PreparationParts {
  /** A directory of its own, on the file system of the data. */
  root: string;
  /** Directory of the databases in force. */
  data: string;
  artifactDirectory: string;
  artifacts: ArtifactStore;
  owner: Owner | undefined;
}

const buildsName = "builds.db";

/** What git asks for in a bare repository; a backup does not carry its configuration. */
const repositoryConfig = "[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n";

/** A state that is made ready beside the one in force. */
export class Preparation {
  /** The files that are to be in the data directory. */
  readonly state: string;
  readonly #own: string;
  readonly #parts: PreparationParts;
  readonly #library: string;
  /** Name -> where it waits: beside its place, so that a rename brings it there. A server's start clears such files up. */
  readonly #artifacts = new Map<string, string>();
  readonly #replacements: Replacement[] = [];

  constructor(parts: PreparationParts) {
    this.#parts = parts;
    this.state = join(parts.root, "state");
    this.#own = join(parts.root, "own");
    this.#library = join(this.state, "layouts", "unpacked");
  }

  /** Where a member of the backup is to be written. */
  async placeFor(path: string): Promise<string> {
    const { place, name } = placeOf(path);
    if (place === places.artifacts) {
      const file = unfinishedArtifact(this.#parts.artifactDirectory);
      this.#artifacts.set(name, file);
      return file;
    }
    const file = join(this.#directory(place), name);
    await mkdir(dirname(file), { recursive: true });
    return file;
  }

  #directory(place: string): string {
    if (place === places.own) return this.#own;
    return place === places.synced ? this.#library : this.state;
  }

  /** Checks what was unpacked, and makes of it what can be put in force. @throws Error for the operator */
  async complete(manifest: BackupManifest): Promise<{ builds: number; artifacts: number; missing: number }> {
    const databases = manifest.members
      .map(({ path }) => placeOf(path))
      .filter(({ place }) => place === places.databases);
    for (const { name } of databases) assertUsable(join(this.state, name), name, knownSchema(name));
    if (!databases.some(({ name }) => name === buildsName))
      throw new Error(`the backup has no ${buildsName}`);
    for (const { path, target } of manifest.aliases) await symlink(target, await this.placeFor(path));
    await this.#completeLibrary(manifest);
    const counts = await this.#adoptBuilds(manifest);
    await giveTo(this.#parts.owner, this.#parts.root);
    return counts;
  }

  async #completeLibrary({ synced }: BackupManifest): Promise<void> {
    if (synced === null) return;
    if (!existsSync(join(this.#library, syncedNames.source))) {
      throw new Error(`the backup's synced layouts have no ${syncedNames.source}`);
    }
    await mkdir(join(this.#library, syncedNames.files), { recursive: true });
    const repository = join(this.#library, syncedNames.repository);
    if (existsSync(repository)) {
      await mkdir(join(repository, "refs"), { recursive: true });
      await mkdir(join(repository, "objects"), { recursive: true });
      await writeFile(join(repository, "config"), repositoryConfig, { flush: true });
    }
    const layouts = dirname(this.#library);
    await rename(this.#library, join(layouts, synced));
    await symlink(synced, join(layouts, syncedNames.current));
  }

  /** Strikes what its rows name and is not there, and gives the installation the name of the one it takes the place of. */
  async #adoptBuilds(
    manifest: BackupManifest,
  ): Promise<{ builds: number; artifacts: number; missing: number }> {
    const unpacked = new Map(manifest.members.map(({ path, sha256 }) => [path, sha256]));
    const builds = new CopiedBuilds(join(this.state, buildsName));
    try {
      const named = builds.artifacts();
      const missing: string[] = [];
      for (const artifact of named) {
        const carried = unpacked.get(`${places.artifacts}${artifact.name}`);
        const isThere = carried === undefined ? await this.#isHere(artifact) : carried === artifact.sha256;
        if (!isThere) missing.push(artifact.name);
      }
      builds.forget(missing);
      builds.rename(instanceOf(join(this.#parts.data, buildsName)));
      return { builds: builds.count(), artifacts: named.length - missing.length, missing: missing.length };
    } finally {
      builds.close();
    }
  }

  async #isHere({ name, bytes, sha256 }: CopiedArtifact): Promise<boolean> {
    const found = await this.#parts.artifacts.find(name);
    return found?.bytes === bytes && (await hashOf(found.path)) === sha256;
  }

  /**
   * Makes the rest ready to be put in force by renames alone: layouts and artifacts wait beside their places, and a list in
   * the state says so.
   * @throws Error for the operator when layouts cannot be written
   */
  async arrange({ layouts, aside }: { layouts: string; aside: string }): Promise<void> {
    const { artifactDirectory, owner } = this.#parts;
    const note = (replacement: Replacement) => this.#replacements.push(replacement);
    await prepareLayouts({ from: this.#own, to: layouts, aside, owner }, note);
    for (const [name, file] of this.#artifacts) {
      await giveTo(owner, file);
      note({ from: resolve(file), to: resolve(artifactDirectory, name) });
    }
    await noteReplacements(this.state, this.#replacements);
  }

  /** Tells that the state counts: what waits belongs to it from now on, whatever happens to this restore. */
  handOver(): void {
    this.#artifacts.clear();
    this.#replacements.length = 0;
  }

  /** Removes what was not handed over. */
  async discard(): Promise<void> {
    for (const file of this.#artifacts.values()) await rm(file, { force: true });
    for (const { from } of this.#replacements) await rm(from, { force: true });
    await rm(this.#parts.root, { recursive: true, force: true });
  }
}

function knownSchema(name: string): number | undefined {
  return schemaVersions[name.replace(/\.db$/, "") as DatabaseName];
}

/** The name of the installation whose database this is; null when there is none that can be read. */
function instanceOf(file: string): string | null {
  if (!existsSync(file)) return null;
  try {
    const builds = new CopiedBuilds(file);
    try {
      return builds.instance();
    } finally {
      builds.close();
    }
  } catch (error) {
    // A damaged database is what backups are for.
    if (errorCode(error).startsWith("SQLITE_")) return null;
    throw error;
  }
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) hash.update(chunk);
  return hash.digest("hex");
}
