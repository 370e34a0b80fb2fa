import { GitError, GitPluginError, simpleGit } from "simple-git";
import { Problem } from "../errors.ts";
import { layoutFileName } from "./shelf.ts";
import type { SyncedLayouts } from "./synced.ts";

/** A commit's hash, whole or abbreviated, or the name of a tag or branch; nothing git would take for an option. */
const revision = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
/** git that says nothing for so long is stopped, milliseconds. */
const patience = 10_000;
const linkMode = "120000";
/** Reads at once: each takes a few processes, and anybody may ask. */
const mostAtOnce = 8;

/** A git repository, by a directory of it, and what makes a layout's name a path of it. */
interface Repository {
  directory: string;
  prefix: string;
}

/**
 * The layout library as it was: the operator's directory, where it is, or lies in, a git repository; and the
 * repository of the synced library. The first that had the layout in that revision answers.
 */
export class LayoutHistory {
  readonly #directory: string;
  readonly #synced: SyncedLayouts | undefined;
  #reading = 0;

  constructor(directory: string, synced?: SyncedLayouts) {
    this.#directory = directory;
    this.#synced = synced;
  }

  /**
   * A layout as it was in a revision; an alias is followed as it was then.
   * @throws Problem `bad-request` for what is no revision, `not-found` where the revision or the layout is not there,
   *   `queue-full` when many are being read
   */
  async readAt(rev: string, name: string): Promise<Buffer> {
    if (!revision.test(rev) || rev.includes("..")) {
      throw new Problem("bad-request", "rev must be a commit, a tag or a branch of the layout library");
    }
    if (this.#reading >= mostAtOnce) {
      throw new Problem("queue-full", "many older layouts are being read; try again in a moment", {
        retryAfter: 1,
      });
    }
    this.#reading++;
    try {
      return await this.#read(rev, name);
    } finally {
      this.#reading--;
    }
  }

  async #read(rev: string, name: string): Promise<Buffer> {
    let known = false;
    for (const repository of this.#repositories()) {
      const commit = await findCommit(repository, rev);
      const bytes = commit && (await readFile(repository, commit, name));
      if (bytes) return bytes;
      known ||= commit !== undefined;
    }
    const missing = known
      ? `the layout library had no layout '${name.slice(0, 100)}' in that revision`
      : `the layout library has no revision '${rev}'`;
    throw new Problem("not-found", missing);
  }

  #repositories(): Repository[] {
    const own = { directory: this.#directory, prefix: "./" };
    const synced = this.#synced?.current();
    if (synced?.repository === undefined) return [own];
    const { folder } = synced.source;
    return [own, { directory: synced.repository, prefix: folder === "" ? "" : `${folder}/` }];
  }
}

/** @returns undefined when there is no such revision, or no repository; a git that was stopped has not said so */
async function findCommit({ directory }: Repository, rev: string): Promise<string | undefined> {
  try {
    return (await open(directory).revparse(["--verify", "--end-of-options", `${rev}^{commit}`])).trim();
  } catch (error) {
    if (error instanceof GitError && !(error instanceof GitPluginError)) return undefined;
    throw error;
  }
}

/** @returns undefined when there was no such file, nor an alias of one */
async function readFile(repository: Repository, commit: string, name: string): Promise<Buffer | undefined> {
  const entry = await findEntry(repository, commit, name);
  if (entry?.mode !== linkMode) return entry && readBlob(repository, entry.object);
  const target = (await readBlob(repository, entry.object)).toString();
  const aliased = await findEntry(repository, commit, target);
  return aliased === undefined || aliased.mode === linkMode
    ? undefined
    : readBlob(repository, aliased.object);
}

async function findEntry({ directory, prefix }: Repository, commit: string, name: string) {
  if (!layoutFileName.test(name)) return undefined;
  const line = await open(directory).raw(["ls-tree", commit, "--", prefix + name]);
  const [, mode = "", object = ""] = /^(\d+) blob ([0-9a-f]+)\t/.exec(line) ?? [];
  return object === "" ? undefined : { mode, object };
}

function readBlob({ directory }: Repository, object: string): Promise<Buffer> {
  return open(directory).showBuffer(["--no-textconv", object]);
}

/**
 * Made anew for each call: simple-git runs the commands of one instance one after another. The operator named the
 * directory, so it may belong to somebody else (in a container it does).
 */
function open(directory: string) {
  return simpleGit({ baseDir: directory, timeout: { block: patience }, config: ["safe.directory=*"] });
}
