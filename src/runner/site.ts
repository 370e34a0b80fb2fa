import type { InputFile } from "../spec/spec.ts";
import { containerName, handoverOptions, type Placement, type User } from "./container.ts";
import type { Containers, PinnedImage } from "./containers.ts";
import type { RunnerLog } from "./daemon.ts";
import { hasLastWord, outputContract } from "./images.ts";
import { isCode } from "./walk.ts";
import type { Workspace } from "./workspace.ts";

export interface SiteParts {
  containers: Containers;
  workspace: Workspace;
  /** Marks the containers of this server among those of others on the same daemon. */
  instance: string;
  logger: RunnerLog | undefined;
}

/** Who our images run as when the server is root: nobody, anywhere. */
const nobody: User = { uid: 65534, gid: 65534 };

/** Where containers get their directories, and where both are cleared away; knows which of them are in use. */
export class Site {
  readonly containers: Containers;
  readonly workspace: Workspace;
  readonly instance: string;
  readonly #logger: RunnerLog | undefined;
  readonly #server: User = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  /** Id -> how often it is claimed. */
  readonly #live = new Map<string, number>();

  constructor({ containers, workspace, instance, logger }: SiteParts) {
    this.containers = containers;
    this.workspace = workspace;
    this.instance = instance;
    this.#logger = logger;
  }

  /** Keeps `reap` away from what bears this id, until it is released as often as claimed. */
  claim(id: string): void {
    this.#live.set(id, (this.#live.get(id) ?? 0) + 1);
  }

  release(id: string): void {
    const left = (this.#live.get(id) ?? 1) - 1;
    if (left > 0) this.#live.set(id, left);
    else this.#live.delete(id);
  }

  isLive(id: string): boolean {
    return this.#live.has(id);
  }

  /** Where a container of this image and id has its place. */
  async place(id: string, image: PinnedImage): Promise<Placement> {
    return {
      id,
      image: image.digest,
      contract: outputContract(image.labels),
      hasLastWord: hasLastWord(image.labels),
      instance: this.instance,
      // A server that is no root has its containers run as itself: then it may read and remove what they leave.
      user: this.#server.uid === 0 ? nobody : this.#server,
      cores: await this.containers.cores(),
      ...this.workspace.hostPaths(id, await this.containers.ownMounts()),
    };
  }

  /** Makes the directories of a place, with these inputs. @throws Problem `storage-failed` */
  async prepare(place: Placement, files: readonly InputFile[]): Promise<void> {
    await this.workspace.prepare(place.id, files, ownerAt(place));
  }

  /** Writes inputs into the directory of a place that was prepared without. @throws Problem `storage-failed` */
  async addInputs(place: Placement, files: readonly InputFile[]): Promise<void> {
    await this.workspace.addInputs(place.id, files, ownerAt(place));
  }

  /**
   * Removes a container of ours.
   * @returns whether it is gone. A failure does not undo a build: it is logged, and left to `reap`
   */
  async discard(id: string): Promise<boolean> {
    try {
      await this.containers.remove(containerName(id));
      return true;
    } catch (error) {
      this.#logger?.warn({ err: error, build: id }, "container not removed");
      return false;
    }
  }

  /** Removes its directories, likewise. What a field image's root left may first have to be handed over to us. */
  async clear(id: string, image: string | undefined): Promise<void> {
    try {
      await this.workspace.remove(id).catch(async (error: unknown) => {
        if (!isCode(error, "EACCES", "EPERM")) throw error;
        await this.#handOver(id, image);
        await this.workspace.remove(id);
      });
    } catch (error) {
      this.#logger?.warn({ err: error, build: id }, "directories not removed");
    }
  }

  /**
   * Removes both and releases the id.
   * @returns whether the container is gone
   */
  async vacate({ id, image }: Placement): Promise<boolean> {
    const gone = await this.discard(id);
    await this.clear(id, image);
    this.release(id);
    return gone;
  }

  async #handOver(id: string, image: string | undefined): Promise<void> {
    const shell = image ?? (await this.containers.images())[0]?.digest;
    if (shell === undefined) throw new Error("no image to run chown in");
    await this.workspace.restore(id);
    const { inputs, outputs } = this.workspace.hostPaths(id, await this.containers.ownMounts());
    await this.containers.runThrough(
      handoverOptions({ id, image: shell, instance: this.instance, user: this.#server, inputs, outputs }),
    );
  }
}

/** Our own images run as a user who must be able to enter; the root of images from the field may anyway. */
function ownerAt({ contract, user }: Placement): User | null {
  return contract === "files" ? user : null;
}
