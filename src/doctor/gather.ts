import type { Facts } from "./facts.ts";
import { within } from "./patience.ts";
import { messageOf } from "./text.ts";

/** Looks at one thing. It ends when its signal is aborted, and leaves nothing behind. */
export type Probe<T> = (signal: AbortSignal) => Promise<T>;

export type Probes = { [Name in keyof Facts]: Probe<Facts[Name]> };

/** A fact, or why there is none: `skipped` for a reason that another check tells of, `failed` for one that none does. */
export type Gathered<T> = { state: "known"; value: T } | { state: "skipped" | "failed"; reason: string };

export type GatheredFacts = { [Name in keyof Facts]: Gathered<Facts[Name]> };

/** Thrown by a probe that has no chance to see anything. */
export class NotLookedAt extends Error {
  override readonly name = "NotLookedAt";
}

export interface Patience {
  /** Milliseconds until a probe is told to end. */
  look: number;
  /** Milliseconds it then has, to leave nothing behind. */
  tidy: number;
}

/**
 * Runs all probes at once, each within its time.
 * @param signal ends them all; the facts that are known by then are returned
 */
export async function gather(
  probes: Probes,
  patience: Patience,
  signal: AbortSignal,
): Promise<GatheredFacts> {
  const names = Object.keys(probes) as (keyof Facts)[];
  const gathered = await Promise.all(
    names.map(async (name) => [name, await take<unknown>(probes[name], patience, signal)] as const),
  );
  return Object.fromEntries(gathered) as GatheredFacts;
}

async function take<T>(probe: Probe<T>, { look, tidy }: Patience, signal: AbortSignal): Promise<Gathered<T>> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(look)]);
  try {
    return { state: "known", value: await within(look + tidy, probe(limit)) };
  } catch (error) {
    if (error instanceof NotLookedAt) return { state: "skipped", reason: error.message };
    return { state: "failed", reason: messageOf(error) };
  }
}
