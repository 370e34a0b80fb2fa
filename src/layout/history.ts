import { simpleGit } from "simple-git";
import { Problem } from "../errors.ts";
import { layoutFileName } from "./library.ts";

/** A commit's hash, whole or abbreviated, or the name of a tag or branch; nothing git would take for an option. */
const revision = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
/** git that says nothing for so long is stopped, milliseconds. */
const patience = 10_000;
const linkMode = "120000";
/** Reads at once: each takes a few processes, and anybody may ask. */
const mostAtOnce = 8;

/** The layout library as it was: its directory is, or lies in, a git repository. */
export class LayoutHistory {
  readonly #directory: string;
  #reading = 0;

  constructor(directory: string) {
    this.#directory = directory;
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
    const commit = await this.#commit(rev);
    const entry = await this.#entry(commit, name);
    if (entry?.mode !== linkMode) return this.#content(entry?.object, name);
    const target = (await this.#content(entry.object, name)).toString();
    const aliased = await this.#entry(commit, target);
    return this.#content(aliased?.mode === linkMode ? undefined : aliased?.object, name);
  }

  async #commit(rev: string): Promise<string> {
    try {
      return (await this.#git().revparse(["--verify", "--end-of-options", `${rev}^{commit}`])).trim();
    } catch (cause) {
      throw new Problem("not-found", `the layout library has no revision '${rev}'`, { cause });
    }
  }

  async #entry(commit: string, name: string): Promise<{ mode: string; object: string } | undefined> {
    if (!layoutFileName.test(name)) return undefined;
    const line = await this.#git().raw(["ls-tree", commit, "--", `./${name}`]);
    const [, mode = "", object = ""] = /^(\d+) blob ([0-9a-f]+)\t/.exec(line) ?? [];
    return object === "" ? undefined : { mode, object };
  }

  async #content(object: string | undefined, name: string): Promise<Buffer> {
    if (object === undefined) {
      throw new Problem(
        "not-found",
        `the layout library had no layout '${name.slice(0, 100)}' in that revision`,
      );
    }
    return Buffer.from(await this.#git().raw(["cat-file", "blob", object]));
  }

  /**
   * Made anew for each call: simple-git runs the commands of one instance one after another. The operator named the
   * directory, so it may belong to somebody else (in a container it does).
   */
  #git() {
    return simpleGit({
      baseDir: this.#directory,
      timeout: { block: patience },
      config: ["safe.directory=*"],
    });
  }
}
