import { randomUUID } from "node:crypto";
import type { Container } from "dockerode";
import type { BuildSpec, Limits } from "../spec/spec.ts";
import { jobLine, type Placement, waitingOptions } from "./container.ts";
import type { PinnedImage } from "./containers.ts";
import { killedFromOutside, type Stage } from "./execution.ts";
import { type Following, follow } from "./follow.ts";
import type { Site } from "./site.ts";
import { together } from "./together.ts";

/** All that a waiting container says before its job: that it is prepared. */
const greeting = "waiting\n";
/** Of what it says instead, this much is told, characters. */
const shown = 500;

/** A slot that a build has for itself, with the build laid out in it. */
export interface Taken {
  slot: Slot;
  stage: Stage;
}

/** A container that was started before there is a build for it. It waits for one, does that, and is thrown away. */
export class Slot {
  readonly place: Placement;
  readonly #site: Site;
  readonly #container: Container;
  readonly #output: Following;
  readonly #greeted = Promise.withResolvers<true>();
  #said = "";
  #begun = false;

  private constructor(site: Site, place: Placement, container: Container, output: Following) {
    this.#site = site;
    this.place = place;
    this.#container = container;
    this.#output = output;
    output.hear((text) => this.#hear(text));
  }

  /**
   * Starts a container of this image, with directories of its own that are still empty.
   * @throws Problem; nothing of it is left then, unless the daemon went away
   */
  static async start(site: Site, image: PinnedImage, limits: Limits): Promise<Slot> {
    const { containers } = site;
    const place = await site.place(`warm-${randomUUID()}`, image);
    site.claim(place.id);
    let output: Following | undefined;
    try {
      await site.transfer.prepare(place);
      const container = await containers.create(waitingOptions(limits, place));
      await site.transfer.deliver(container, place, []);
      output = await follow(container, true, containers.patience);
      const slot = new Slot(site, place, container, output);
      await containers.start(container);
      return slot;
    } catch (error) {
      output?.end();
      await site.vacate(place);
      throw error;
    }
  }

  /** Aborted once it is of no use any more. */
  get ended(): AbortSignal {
    return this.#output.closed;
  }

  /** Whether a build was handed to it: from then on, whatever happens is that build's. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Waits until it is prepared; false if it ended instead, took longer than the daemon itself may, or `signal` is aborted. */
  async ready(signal: AbortSignal): Promise<boolean> {
    const expired = AbortSignal.timeout(this.#site.containers.patience);
    const over = AbortSignal.any([this.ended, expired, signal]);
    const missed = new Promise<false>((resolve) => {
      if (over.aborted) resolve(false);
      else over.addEventListener("abort", () => resolve(false), { once: true });
    });
    // It may say so and end in one breath.
    return (await Promise.race([this.#greeted.promise, missed])) && !this.ended.aborted;
  }

  /**
   * Lays a build out in it.
   * @throws Error if it does not wait any more, Problem for faults of the place
   */
  async load(spec: BuildSpec): Promise<Stage> {
    const { containers, transfer } = this.#site;
    // At once, for somebody waits; where it does not run any more nobody reads the files.
    const [{ Running }] = await together([
      containers.state(this.#container),
      transfer.deliver(this.#container, this.place, spec.files),
    ]);
    if (!Running || this.ended.aborted) throw new Error("the container does not wait any more");
    return {
      container: this.#container,
      output: this.#output,
      lastWord: this.place.lastWord,
      begin: async () => {
        await this.#output.send(jobLine(spec, this.place.id));
        this.#begun = true;
      },
    };
  }

  /** Finds out why it ended without a build, and whether that was its image's own doing. */
  async inquire(): Promise<{ why: string; ownDoing: boolean }> {
    if (!greeting.startsWith(this.#said)) {
      return { why: `it said ${JSON.stringify(this.#said.slice(0, shown))}`, ownDoing: true };
    }
    const { Running, ExitCode, OOMKilled } = await this.#site.containers.state(this.#container);
    if (Running) {
      const ownDoing = !this.ended.aborted;
      return { why: ownDoing ? "it did not get ready in time" : "the daemon hung up", ownDoing };
    }
    if (OOMKilled) return { why: "it ran out of memory", ownDoing: true };
    return { why: `exit status ${ExitCode}`, ownDoing: !killedFromOutside.includes(ExitCode) };
  }

  /**
   * Removes it and its directories.
   * @returns whether its container is gone
   */
  vacate(): Promise<boolean> {
    this.#output.end();
    return this.#site.vacate(this.place);
  }

  #hear(text: string): void {
    this.#said += text;
    if (this.#said === greeting) this.#greeted.resolve(true);
    // What it says belongs into the log of no build, so none must get it.
    else if (!greeting.startsWith(this.#said)) this.#output.end();
  }
}
