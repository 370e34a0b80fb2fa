import { Problem } from "../errors.ts";

export interface QueueLimits {
  /** Tasks that run at once. */
  concurrency: number;
  /** Tasks that may wait, all clients together. */
  length: number;
  /** Tasks that may wait of one client. */
  perClient: number;
}

interface Waiting {
  start(): void;
  refuse(problem: Problem): void;
}

/**
 * Runs tasks, a bounded number at once. Clients take turns: of those with tasks waiting, the one served longest
 * ago is next, so nobody's hundred tasks stand before somebody else's one. Knows nothing of builds.
 */
export class FairQueue {
  readonly #limits: QueueLimits;
  /** Client -> its waiting tasks, oldest first. The clients stand in the order of their turns. */
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #idle: (() => void)[] = [];
  #running = 0;
  #length = 0;
  #closed: Problem | undefined;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get size(): { running: number; waiting: number } {
    return { running: this.#running, waiting: this.#length };
  }

  get concurrency(): number {
    return this.#limits.concurrency;
  }

  /**
   * Says whether one more task of this client may wait. Ask before `run`, which takes whatever it is given: work that
   * a former life of the server accepted is not refused.
   *
   * @param retryAfter seconds to tell a client that is turned away
   * @throws Problem `queue-full`; that of `close`, when the queue is closed
   */
  assertRoom(client: string, retryAfter: number): void {
    if (this.#closed) throw this.#closed;
    if (this.#running < this.#limits.concurrency) return;
    const own = this.#waiting.get(client)?.length ?? 0;
    if (this.#length >= this.#limits.length) {
      throw new Problem("queue-full", `${this.#length} builds are waiting already; try again later`, {
        retryAfter,
      });
    }
    if (own >= this.#limits.perClient) {
      throw new Problem("queue-full", `${own} of your builds are waiting already; try again later`, {
        retryAfter,
      });
    }
  }

  /**
   * @param task starts when its turn comes
   * @throws Problem: that of `close`, when the queue closes before the task starts
   */
  async run<T>(client: string, task: () => Promise<T>): Promise<T> {
    if (this.#closed) throw this.#closed;
    if (this.#running < this.#limits.concurrency) this.#running++;
    else await this.#turn(client);
    try {
      return await task();
    } finally {
      this.#next();
    }
  }

  /** Refuses what waits and whatever comes; what runs goes on. */
  close(problem: Problem): void {
    this.#closed = problem;
    const refused = [...this.#waiting.values()].flat();
    this.#waiting.clear();
    this.#length = 0;
    for (const task of refused) task.refuse(problem);
  }

  /** Resolves when nothing runs. */
  async drained(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #turn(client: string): Promise<void> {
    return new Promise((start, refuse) => {
      const own = this.#waiting.get(client);
      if (own) own.push({ start, refuse });
      else this.#waiting.set(client, [{ start, refuse }]);
      this.#length++;
    });
  }

  /** Hands the place that became free to the client whose turn it is. */
  #next(): void {
    const [entry] = this.#waiting;
    const task = entry?.[1].shift();
    if (!entry || !task) {
      this.#running--;
      if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve();
      return;
    }
    const [client, rest] = entry;
    this.#waiting.delete(client);
    if (rest.length > 0) this.#waiting.set(client, rest);
    this.#length--;
    task.start();
  }
}
