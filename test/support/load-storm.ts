import { setTimeout as sleep } from "node:timers/promises";
import { LoadClient } from "./load-client.ts";
import type { Counters, Move, Target } from "./load-moves.ts";

/** Clients of one sort, each with an address of its own. */
export interface Crowd {
  clients: number;
  /** Of each client. */
  moves: number;
  /** At once, of each client. */
  hands: number;
  /** What they do, by share; the shares sum up to 1000. */
  deck: readonly Move[];
  /** What may come of a move besides its own outcomes, by its name. */
  tolerated?: Readonly<Record<string, readonly string[]>>;
}

/** Of how many requests in a row a new layout is the same. */
const commonFor = 1000;

/** Apart from each other, whatever is counted: new layouts are numbered from the first, common ones from the second. */
const freshFrom = 1_000_000;
const commonFrom = 2_000_000;

/** Many clients at once, and what came of it. */
export class Storm {
  readonly #url: string;
  readonly #target: Target;
  /** Name of a move -> outcome -> how often. */
  readonly outcomes = new Map<string, Map<string, number>>();
  /** Outcomes that should not be. */
  readonly surprises: string[] = [];
  /** Moves that are over. */
  made = 0;
  /** The numbers of new layouts that many clients posted. */
  readonly common = new Set<number>();
  #clients = 0;
  #fresh = freshFrom;

  constructor(url: string, target: Target) {
    this.#url = url;
    this.#target = target;
  }

  /** Lets a crowd loose; resolves when the last of it has made its last move. */
  async unleash(crowd: Crowd): Promise<void> {
    await Promise.all(Array.from({ length: crowd.clients }, (_, index) => this.#play(crowd, index)));
  }

  /** The numbers of all the new layouts that were posted. */
  get numbers(): number[] {
    const fresh = Array.from({ length: this.#fresh - freshFrom }, (_, index) => freshFrom + index);
    return [...fresh, ...this.common];
  }

  /** Resolves when so many moves are over. */
  async reached(moves: number): Promise<void> {
    while (this.made < moves) await sleep(20);
  }

  /** How often something came of a move. */
  count(move: string, outcome: string): number {
    return this.outcomes.get(move)?.get(outcome) ?? 0;
  }

  async #play({ moves, hands, deck, tolerated = {} }: Crowd, index: number): Promise<void> {
    const client = new LoadClient(this.#url, addressOf(this.#clients++), hands);
    let next = index * moves;
    const end = next + moves;
    const hand = async () => {
      while (next < end) {
        const number = next++;
        const move = dealt(deck, number);
        const outcome = await this.#make(move, client, number);
        if (!move.outcomes.includes(outcome) && !tolerated[move.name]?.includes(outcome))
          this.surprises.push(`${move.name}: ${outcome}`);
      }
    };
    await Promise.all(Array.from({ length: hands }, hand));
    client.close();
  }

  async #make(move: Move, client: LoadClient, number: number): Promise<string> {
    let outcome: string;
    try {
      outcome = await move.make(client, this.#target, this.#counters(number));
    } catch (error) {
      outcome = String(error);
    }
    const counts = this.outcomes.get(move.name) ?? new Map<string, number>();
    this.outcomes.set(move.name, counts.set(outcome, (counts.get(outcome) ?? 0) + 1));
    this.made++;
    return outcome;
  }

  #counters(move: number): Counters {
    return {
      move,
      fresh: () => this.#fresh++,
      common: () => {
        const number = commonFrom + Math.floor(this.made / commonFor);
        this.common.add(number);
        return number;
      },
    };
  }
}

/** Deals a thousand moves by their shares, well mixed, and then the same again. */
function dealt(deck: readonly Move[], number: number): Move {
  // 729 and 1000 have no divisor in common: each place comes once in a thousand, far from the one before.
  let place = (number * 729) % 1000;
  for (const move of deck) {
    if (place < move.share) return move;
    place -= move.share;
  }
  throw new Error("the shares of the deck do not sum up to 1000");
}

/** Of this machine, without further ado; another for each client. */
function addressOf(client: number): string {
  return `127.1.${Math.floor(client / 250)}.${(client % 250) + 1}`;
}

export interface Health {
  /** The slowest answer, milliseconds. */
  worst: number;
  /** What was watched took so long. */
  seconds: number;
}

/**
 * Asks a server all the time while something is under way whether it is alive.
 * @throws Error when once it does not say so
 */
export async function watchHealth(url: string, work: () => Promise<unknown>): Promise<Health> {
  const client = new LoadClient(url, "127.2.0.1");
  const begun = performance.now();
  let over = false;
  let worst = 0;
  const watch = async () => {
    while (!over) {
      const asked = performance.now();
      const { status } = await client.ask("/healthz");
      if (status !== 200) throw new Error(`/healthz: ${status}`);
      worst = Math.max(worst, performance.now() - asked);
      await sleep(100);
    }
  };
  const working = work().finally(() => {
    over = true;
  });
  await Promise.all([working, watch()]);
  client.close();
  return { worst, seconds: (performance.now() - begun) / 1000 };
}
