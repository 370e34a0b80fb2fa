import type { Container } from "dockerode";
import type { InputFile, Limits } from "../spec/spec.ts";
import type { Placement } from "./container.ts";
import type { Collected } from "./outputs.ts";

/**
 * How files get into a build's container, and back: by directories that both sides see, or through the daemon, which may
 * then be on any machine. Everything here throws Problem `runner-unavailable` or `storage-failed`.
 */
export interface Transfer {
  /** The build's directories as the daemon sees them; null where they are nowhere but in its container. */
  directories(id: string): Promise<Placement["directories"]>;
  /** To be called before the container is created. */
  prepare(place: Placement): Promise<void>;
  /** To be called when the container is created, also when there is no input yet; and again when there is. */
  deliver(container: Container, place: Placement, files: readonly InputFile[]): Promise<void>;
  /** Looks over the outputs while the build may still write there: a sentence if it is over its limits, else null. */
  findExcess(container: Container, place: Placement, limits: Limits): Promise<string | null>;
  /** Milliseconds from one such look to the next. */
  readonly lookEvery: number;
  /** Whether the outputs of a build can be read, safely, before it has ended. */
  readonly readsEarly: boolean;
  /** Reads the outputs of a build that has ended, or had its last word. */
  collect(container: Container, place: Placement, limits: Limits): Promise<Collected>;
  /**
   * Removes what is left when the container is gone.
   * @param image what the container ran, if it is known
   */
  clear(id: string, image: string | undefined): Promise<void>;
  /** Whether there is no room any more for outputs in a container that has ended: then the disk failed, not the build. */
  isFull(container: Container): Promise<boolean>;
}
