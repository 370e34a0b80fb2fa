import { setTimeout as sleep } from "node:timers/promises";
import type { BuildSpec } from "../spec/spec.ts";
import { Alarm } from "./alarm.ts";
import { Background } from "./background.ts";
import type { PinnedImage } from "./containers.ts";
import type { RunnerLog } from "./daemon.ts";
import { canWait } from "./images.ts";
import { kindOf, type WarmKind } from "./kind.ts";
import type { Site } from "./site.ts";
import { Slot, type Taken } from "./slot.ts";
import { Warmth, type WarmthOptions } from "./warmth.ts";

/** Time from the end of a build to what is done about its container and the next, milliseconds: the answer to the client goes first. */
export const pause = 100;
/** From the start of a slot on, how long builds wait for it, milliseconds: by then a cold container would be there. */
const startPatience = 2000;
/** Time from the end of a slot that nobody had taken to the start of another, milliseconds: the cause may last. */
const recovery = 1000;

/** A slot that waits, or will in a moment: undefined once it is known that it will not. */
interface Waiting {
  kind: WarmKind;
  slot: Promise<Slot | undefined>;
  /** When its start began, `performance.now()`. */
  begun: number;
}

/**
 * Keeps containers that wait for builds. All of it is a convenience: whatever goes wrong is logged, the build gets a
 * container of its own instead, and nothing here rejects.
 */
export class WarmPool {
  readonly #site: Site;
  readonly #logger: RunnerLog | undefined;
  readonly #warmth: Warmth<WarmKind>;
  readonly #waiting: Waiting[] = [];
  readonly #background = new Background();
  /** Slots whose containers could not be removed yet. */
  readonly #remains = new Set<Slot>();
  readonly #alarm = new Alarm(() => this.#tend());
  #starting = false;
  readonly #closing = new AbortController();

  constructor(site: Site, options: WarmthOptions, logger: RunnerLog | undefined) {
    this.#site = site;
    this.#logger = logger;
    this.#warmth = new Warmth(options);
  }

  /** A slot for this build alone; undefined if none waits, or when `signal` is aborted. Whoever gets it vacates it. */
  async take(spec: BuildSpec, image: PinnedImage, signal: AbortSignal): Promise<Taken | undefined> {
    if (this.#closing.signal.aborted || !canWait(image.labels)) return undefined;
    // A place of no id: what counts is what all of a kind have in common.
    const kind = kindOf(spec, image, await this.#site.place("", image));
    this.#warmth.use(kind, performance.now());
    const waiting = this.#waiting.find((one) => one.kind.key === kind.key);
    if (waiting === undefined) return undefined;
    this.#withdraw(waiting);
    const left = waiting.begun + startPatience - performance.now();
    const slot = await beforeLong(waiting.slot, Math.max(0, left), signal);
    if (slot === "late") this.#putBack(waiting);
    else if (slot !== undefined) return this.#load(slot, kind, spec);
    return undefined;
  }

  /** To be called when a build has ended: makes up for what it took. */
  refill(): void {
    this.#alarm.set(pause);
  }

  /** Removes all there is; from now on there is none. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#alarm.stop();
    for (const waiting of [...this.#waiting]) this.#giveUp(waiting);
    this.#removeRemains();
    await this.#background.settled();
  }

  async #load(slot: Slot, kind: WarmKind, spec: BuildSpec): Promise<Taken | undefined> {
    try {
      const stage = await slot.load(spec);
      this.#warmth.served(kind);
      return { slot, stage };
    } catch (error) {
      this.#logger?.warn({ err: error, slot: slot.place.id }, "a warm container cannot be taken");
      this.#remove(slot);
      return undefined;
    }
  }

  /** Brings what waits in line with what is wanted: surplus goes, and one that is missing is started. */
  #tend(): void {
    if (this.#closing.signal.aborted) return;
    this.#removeRemains();
    const now = performance.now();
    const wanted = new Map(this.#warmth.wanted(now).map(({ kind, count }) => [kind.key, { kind, count }]));
    for (const waiting of [...this.#waiting]) {
      const due = wanted.get(waiting.kind.key);
      if (due === undefined) this.#giveUp(waiting);
      else due.count--;
    }
    const missing = [...wanted.values()].find(({ count }) => count > 0);
    // One after another: they share the machine with builds.
    if (missing !== undefined && !this.#starting) this.#begin(missing.kind);
    const idle = this.#warmth.untilIdle(now);
    if (idle !== undefined) this.#alarm.set(idle);
  }

  #begin(kind: WarmKind): void {
    this.#starting = true;
    const slot = this.#start(kind);
    const waiting = { kind, slot, begun: performance.now() };
    this.#waiting.push(waiting);
    this.#background.add(
      slot.then((started) => {
        this.#starting = false;
        if (started === undefined) {
          this.#withdraw(waiting);
          this.#alarm.set(recovery);
        } else {
          started.ended.addEventListener("abort", () => this.#lose(waiting, started));
          this.#tend();
        }
      }),
    );
  }

  async #start(kind: WarmKind): Promise<Slot | undefined> {
    try {
      const slot = await Slot.start(this.#site, kind.pinned, kind.limits);
      if (await slot.ready(this.#closing.signal)) {
        this.#logger?.debug({ slot: slot.place.id, image: kind.image.name }, "a warm container waits");
        return slot;
      }
      if (this.#closing.signal.aborted) this.#remove(slot);
      else await this.#bury(kind, slot);
    } catch (error) {
      // A daemon that is away, an image that is gone: no use in trying until a build gets through.
      this.#warmth.forget(kind);
      this.#logger?.warn({ err: error, image: kind.image.name }, "no warm container could be started");
    }
    return undefined;
  }

  /** A slot ended that nobody had taken. */
  #lose(waiting: Waiting, slot: Slot): void {
    if (!this.#withdraw(waiting)) return;
    this.#background.add(this.#bury(waiting.kind, slot).then(() => this.#alarm.set(recovery)));
  }

  async #bury(kind: WarmKind, slot: Slot): Promise<void> {
    const { name } = kind.image;
    try {
      const { why, ownDoing } = await slot.inquire();
      this.#logger?.warn({ slot: slot.place.id, image: name, why }, "a warm container ended by itself");
      if (ownDoing && this.#warmth.died(kind)) {
        this.#logger?.warn({ image: name }, "no more warm containers of this image: they end by themselves");
      }
    } catch (error) {
      this.#logger?.warn({ err: error, slot: slot.place.id }, "a warm container is lost");
    }
    this.#remove(slot);
  }

  /** @returns whether it was still waiting */
  #withdraw(waiting: Waiting): boolean {
    const at = this.#waiting.indexOf(waiting);
    if (at >= 0) this.#waiting.splice(at, 1);
    return at >= 0;
  }

  /** What was taken before it was there waits for another build. */
  #putBack(waiting: Waiting): void {
    if (this.#closing.signal.aborted) this.#giveUp(waiting);
    else this.#waiting.push(waiting);
  }

  #giveUp(waiting: Waiting): void {
    this.#withdraw(waiting);
    this.#background.add(
      waiting.slot.then((slot) => {
        if (slot === undefined) return;
        this.#logger?.debug({ slot: slot.place.id }, "a warm container is given up");
        this.#remove(slot);
      }),
    );
  }

  #remove(slot: Slot): void {
    this.#background.add(
      slot.vacate().then((gone) => {
        if (!gone) this.#remains.add(slot);
      }),
    );
  }

  #removeRemains(): void {
    for (const slot of this.#remains) {
      this.#remains.delete(slot);
      this.#remove(slot);
    }
  }
}

/** What a promise resolves to; "late" when that takes longer than so many milliseconds, or until `signal` is aborted. */
async function beforeLong<T>(
  promise: Promise<T>,
  milliseconds: number,
  signal: AbortSignal,
): Promise<T | "late"> {
  const over = new AbortController();
  const ending = AbortSignal.any([signal, over.signal]);
  const late = sleep(milliseconds, "late" as const, { signal: ending }).catch(() => "late" as const);
  try {
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
  }
}
