import type { Context, Middleware } from "koa";
import type { Admission } from "../build/service.ts";
import { Problem } from "../errors.ts";
import { callerOf } from "./callers.ts";
import type { Refusals } from "./refusals.ts";
import { healthPaths } from "./routes/health.ts";

/** At least so many callers are remembered, at most twice as many. Who is forgotten has a full budget again. */
const generation = 25_000;

interface Bucket {
  /** What was left at `at`. */
  tokens: number;
  /** Seconds. */
  at: number;
}

/**
 * So much for each caller in a time, as a token bucket: all of it at once, or evenly, or anything between. Libraries for this
 * count in fixed windows (twice as much passes around their edges), and keep a timer for each caller, without bound.
 */
export class Budget {
  /** Of a caller, when nothing was taken for `seconds`. */
  readonly quota: number;
  readonly seconds: number;
  readonly #clock: () => number;
  /** Of those who asked lately, and of those who did before: the old ones are forgotten all at once, which takes no search. */
  #young = new Map<string, Bucket>();
  #old = new Map<string, Bucket>();

  /**
   * @param quota 0: no limit
   * @param clock seconds, from any point on
   */
  constructor(quota: number, seconds: number, clock = () => performance.now() / 1000) {
    this.quota = quota;
    this.seconds = seconds;
    this.#clock = clock;
  }

  /** Takes one, if there is one; says how many seconds it is until there is one where there was none. */
  take(caller: string): number {
    if (this.quota === 0) return 0;
    const bucket = this.#bucket(caller);
    if (bucket.tokens < 1) return (1 - bucket.tokens) * (this.seconds / this.quota);
    bucket.tokens--;
    return 0;
  }

  giveBack(caller: string): void {
    if (this.quota === 0) return;
    const bucket = this.#bucket(caller);
    bucket.tokens = Math.min(this.quota, bucket.tokens + 1);
  }

  /** How many are left, and in how many seconds it is the whole quota again. */
  left(caller: string): { tokens: number; seconds: number } {
    const { tokens } = this.#bucket(caller);
    return {
      tokens: Math.floor(tokens),
      seconds: Math.ceil((this.quota - tokens) * (this.seconds / this.quota)),
    };
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  #bucket(caller: string): Bucket {
    const now = this.#clock();
    const known = this.#young.get(caller) ?? this.#old.get(caller) ?? { tokens: this.quota, at: now };
    const gained = (now - known.at) * (this.quota / this.seconds);
    const bucket = { tokens: Math.min(this.quota, known.tokens + gained), at: now };
    if (this.#young.size >= generation && !this.#young.has(caller)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(caller, bucket);
    return bucket;
  }
}

/** What may be asked for, and whom refusals are told to. */
export interface Rates {
  /** Every request, but for those about health. */
  requests: Budget;
  /** Layouts that are planned, sound or not. What was planned lately is remembered, and costs nothing while its firmware is there. */
  layouts: Budget;
  /** Builds that run. */
  builds: Budget;
  refusals: Pick<Refusals, "note">;
}

export function limitRequests({ requests, refusals }: Rates): Middleware {
  return (ctx, next) => {
    if (healthPaths.has(ctx.path)) return next();
    try {
      spend(ctx, "requests", requests, refusals);
    } finally {
      tell(ctx, "requests", requests);
    }
    return next();
  };
}

/**
 * Does work that may plan a layout and take a build.
 * @param work is to ask before it does. A build counts only if the work ends well: nobody gets anything for it otherwise
 * @throws Problem `rate-limited` from `admission`
 */
export async function withinBudgets<Result>(
  ctx: Context,
  { layouts, builds, refusals }: Rates,
  work: (admission: Admission) => Promise<Result>,
): Promise<Result> {
  let spent = false;
  try {
    return await work({
      plan: () => spend(ctx, "layouts", layouts, refusals),
      run() {
        spend(ctx, "builds", builds, refusals);
        spent = true;
      },
    });
  } catch (error) {
    if (spent) builds.giveBack(callerOf(ctx).requester.client);
    throw error;
  } finally {
    tell(ctx, "layouts", layouts);
    tell(ctx, "builds", builds);
  }
}

function spend(
  ctx: Context,
  what: "requests" | "layouts" | "builds",
  budget: Budget,
  refusals: Rates["refusals"],
): void {
  const { requester, name } = callerOf(ctx);
  const wait = budget.take(requester.client);
  if (wait === 0) return;
  refusals.note("rate-limited", name, `${what}: ${ctx.method} ${ctx.path}`);
  const retryAfter = Math.ceil(wait);
  throw new Problem("rate-limited", `too many ${what} from here; try again in ${retryAfter} s`, {
    retryAfter,
  });
}

/** As the IETF's draft on RateLimit header fields has it: quota and window in seconds; what is left, and till when. */
function tell(ctx: Context, what: string, budget: Budget): void {
  if (budget.quota === 0) return;
  const { tokens, seconds } = budget.left(callerOf(ctx).requester.client);
  ctx.append("RateLimit-Policy", `"${what}";q=${budget.quota};w=${budget.seconds}`);
  ctx.append("RateLimit", `"${what}";r=${tokens};t=${seconds}`);
}
