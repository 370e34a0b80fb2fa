import type { Container } from "dockerode";
import type { InputFile, Limits } from "../spec/spec.ts";
import { handoverOptions, type Placement, type User } from "./container.ts";
import type { Containers } from "./containers.ts";
import { type Collected, collectOutputs } from "./outputs.ts";
import { findExcess } from "./tally.ts";
import type { Transfer } from "./transfer.ts";
import { isCode, walksAnchored } from "./walk.ts";
import type { Workspace } from "./workspace.ts";

export interface MountsParts {
  containers: Containers;
  workspace: Workspace;
  instance: string;
  /** Who this process is. */
  server: User;
}

/** Files by directories of ours that are mounted into the container. */
export class Mounts implements Transfer {
  readonly lookEvery = 250;
  readonly readsEarly = walksAnchored;
  readonly #parts: MountsParts;

  constructor(parts: MountsParts) {
    this.#parts = parts;
  }

  async directories(id: string): Promise<Placement["directories"]> {
    const { containers, workspace } = this.#parts;
    return workspace.hostPaths(id, await containers.ownMounts());
  }

  async prepare(place: Placement): Promise<void> {
    await this.#parts.workspace.prepare(place.id, ownerAt(place));
  }

  async deliver(_container: Container, place: Placement, files: readonly InputFile[]): Promise<void> {
    await this.#parts.workspace.addInputs(place.id, files, ownerAt(place));
  }

  findExcess(_container: Container, { id }: Placement, limits: Limits): Promise<string | null> {
    return findExcess(this.#parts.workspace.outputs(id), limits);
  }

  collect(_container: Container, { id }: Placement, limits: Limits): Promise<Collected> {
    return collectOutputs(this.#parts.workspace.outputs(id), limits);
  }

  /** What a field image's root left may first have to be handed over to us. */
  async clear(id: string, image: string | undefined): Promise<void> {
    const { workspace } = this.#parts;
    await workspace.remove(id).catch(async (error: unknown) => {
      if (!isCode(error, "EACCES", "EPERM")) throw error;
      await this.#handOver(id, image);
      await workspace.remove(id);
    });
  }

  isFull(): Promise<boolean> {
    return this.#parts.workspace.isFull();
  }

  async #handOver(id: string, image: string | undefined): Promise<void> {
    const { containers, workspace, instance, server } = this.#parts;
    const shell = image ?? (await containers.images())[0]?.digest;
    if (shell === undefined) throw new Error("no image to run chown in");
    await workspace.restore(id);
    const directories = workspace.hostPaths(id, await containers.ownMounts());
    await containers.runThrough(handoverOptions({ id, image: shell, instance, user: server, directories }));
  }
}

/** Our own images run as a user who must be able to enter; the root of images from the field may anyway. */
function ownerAt({ contract, user }: Placement): User | null {
  return contract === "files" ? user : null;
}
