import { setTimeout as sleep } from "node:timers/promises";
import { Problem } from "../errors.ts";
import type { Runner, ToolchainImage } from "../runner/runner.ts";

/** How old what was seen may be when a request comes, milliseconds. */
export const freshEnough = 2000;
/** How long a daemon that hangs holds up those who could do with what was seen before, milliseconds. */
const lookPatience = 1000;

/**
 * The controller images that are installed, by name. Keeps what it saw last, so that cached answers need no daemon.
 */
export class ImageCatalog {
  readonly #runner: Pick<Runner, "images">;
  readonly #clock: () => number;
  #images = new Map<string, ToolchainImage>();
  #fault: Problem | undefined;
  #checked = Number.NEGATIVE_INFINITY;
  #checking: { look: Promise<void>; longEnough: Promise<void> } | undefined;

  /** @param clock monotonic milliseconds */
  constructor(runner: Pick<Runner, "images">, clock: () => number = () => performance.now()) {
    this.#runner = runner;
    this.#clock = clock;
  }

  /**
   * Looks again when the last look is older than `maxAge` milliseconds; with images seen before, waits a second at most.
   * A daemon that fails is kept for `require`.
   */
  async refresh(maxAge = 0): Promise<void> {
    if (this.#clock() - this.#checked < maxAge) return;
    this.#checking ??= this.#startLook();
    const { look, longEnough } = this.#checking;
    await (this.#images.size > 0 ? Promise.race([look, longEnough]) : look);
  }

  #startLook() {
    const look = this.#look().finally(() => {
      this.#checking = undefined;
    });
    return { look, longEnough: sleep(lookPatience, undefined, { ref: false }) };
  }

  /** Why the last look failed. */
  get lastFault(): Problem | undefined {
    return this.#fault;
  }

  all(): ToolchainImage[] {
    return [...this.#images.values()];
  }

  find(name: string): ToolchainImage | undefined {
    return this.#images.get(name);
  }

  /**
   * @throws Problem `runner-unavailable` when no daemon ever told what there is, `image-missing` naming what there is
   */
  require(name: string): ToolchainImage {
    const image = this.#images.get(name);
    if (image) return image;
    if (this.#fault) throw this.#fault;
    const installed = [...this.#images.keys()].sort().join(", ") || "none";
    throw new Problem(
      "image-missing",
      `this server has no toolchain image '${name}', which builds this firmware; installed: ${installed}`,
    );
  }

  async #look(): Promise<void> {
    try {
      const images = await this.#runner.images();
      this.#images = new Map(images.map((image) => [image.name, image]));
      this.#fault = undefined;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#fault = error;
    } finally {
      this.#checked = this.#clock();
    }
  }
}
