import { containerName, type Placement, type User } from "./container.ts";
import type { Containers, PinnedImage } from "./containers.ts";
import { Copies } from "./copies.ts";
import type { RunnerLog } from "./daemon.ts";
import { hasLastWord, outputContract } from "./images.ts";
import { Mounts } from "./mounts.ts";
import type { Transfer } from "./transfer.ts";
import { type RunnerDirectories, Workspace } from "./workspace.ts";

export interface SiteParts {
  containers: Containers;
  directories: RunnerDirectories;
  /** Whether files travel through the daemon instead of these directories. */
  copies?: boolean | undefined;
  /** The daemon's name of the runtime; empty: its default. */
  runtime?: string | undefined;
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
  readonly transfer: Transfer;
  readonly instance: string;
  readonly #runtime: string;
  readonly #logger: RunnerLog | undefined;
  readonly #server: User = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  /** Id -> how often it is claimed. */
  readonly #live = new Map<string, number>();

  constructor({ containers, directories, copies, runtime, instance, logger }: SiteParts) {
    this.containers = containers;
    this.workspace = new Workspace(directories);
    this.instance = instance;
    const parts = { containers, workspace: this.workspace, instance, server: this.#server };
    this.transfer = copies === true ? new Copies(parts) : new Mounts(parts);
    this.#runtime = runtime ?? "";
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
    const directories = await this.transfer.directories(id);
    return {
      id,
      image: image.digest,
      contract: outputContract(image.labels),
      lastWord: hasLastWord(image.labels) ? id : null,
      instance: this.instance,
      // A server that is no root has its containers run as itself: then it may read and remove what they leave.
      user: this.#server.uid === 0 ? nobody : this.#server,
      cores: await this.containers.cores(),
      directories,
      runtime: this.#runtime,
    };
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

  /** Removes its directories, likewise. */
  async clear(id: string, image: string | undefined): Promise<void> {
    try {
      await this.transfer.clear(id, image);
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
}
