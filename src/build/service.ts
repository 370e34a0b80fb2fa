import type { Complaint } from "../errors.ts";
import type { BuildRow } from "../store/buildRows.ts";
import type { StatsStore } from "../store/stats.ts";
import type { Outcome } from "./outcome.ts";
import type { PlannedBuild, Planner, PlanSummary } from "./planner.ts";
import { Recovery } from "./recovery.ts";
import { BuildRuns, type Built, type RunsParts } from "./runs.ts";
import type { UseLog } from "./uses.ts";

/** Who asked for a build. */
export interface Requester {
  /** Tells clients apart: a keyed hash. */
  client: string;
  /** What is stored of the address: the same hash, or the address itself where that is configured. */
  address: string;
  os: string;
  web: boolean;
}

/** Asked before what costs is done for a requester; what they throw is the answer. */
export interface Admission {
  /** A body that is not known is about to be planned, which takes up to some tens of milliseconds of everybody's time. */
  plan(): void;
  /** A run of its own is about to begin. */
  run(): void;
}

export interface BuildAnswer {
  key: string;
  fileName: string;
  success: boolean;
  outcome: Outcome;
  /** Answered without a run of its own. */
  cached: boolean;
  /** What of the layout was left out on purpose. */
  warnings: Complaint[];
}

export interface ServiceParts extends RunsParts {
  planner: Planner;
  stats: StatsStore;
  uses: Pick<UseLog, "note">;
}

/** An answer under way, and to what. */
interface Flight {
  summary: PlanSummary;
  built: Promise<Built> | Built;
  /** Whether no run of its own was begun for it. */
  shared: boolean;
}

/**
 * The life of a build, in order: plan, cache, run. Equal builds in flight are one run, and a row without an outcome is run
 * again, whatever happened.
 */
export class BuildService {
  readonly #parts: ServiceParts;
  /** Key -> its run, queued or under way. */
  readonly #inFlight = new Map<string, Promise<Built>>();
  readonly #runs: BuildRuns;
  readonly #recovery: Recovery;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
    const { runner, builds, room, logger } = parts;
    this.#runs = new BuildRuns(parts, () => this.#recovery.later());
    const flights = {
      owns: (id: string) => this.#runs.owns(id),
      has: (key: string) => this.#inFlight.has(key),
      takeUp: (row: BuildRow) =>
        this.#fly(row.key, async () => (await this.#keptInstead(row)) ?? this.#runs.run(row)),
    };
    this.#recovery = new Recovery({ runner, builds, room, logger, flights });
  }

  /**
   * Builds what a client posted, or finds it built.
   *
   * A compiler that fails, a timeout and a limit are answers (`success: false`, a zip with the log).
   * @throws Problem for everything else
   */
  async build(body: Uint8Array, requester: Requester, admission?: Admission): Promise<BuildAnswer> {
    const { summary, shared, ...flight } = await this.#begin(body, requester, admission);
    const built = await flight.built;
    const milliseconds = shared ? null : built.milliseconds;
    // When the answer is on its way: nobody should wait for being counted.
    setImmediate(() => this.#count(summary, requester, built.success, milliseconds));
    const { success, fileName, outcome } = built;
    const { key, warnings } = summary;
    return { key, fileName, success, outcome, cached: milliseconds === null, warnings };
  }

  /** Apart from the waiting, which may be long: what was planned is let go of here. */
  async #begin(body: Uint8Array, { client }: Requester, admission?: Admission): Promise<Flight> {
    const { planner, catalog } = this.#parts;
    const planAnew = () => {
      admission?.plan();
      return planner.plan(body);
    };
    await catalog.current();
    const plan = planner.recall(body) ?? planAnew();
    const { key } = plan;
    const summary = summaryOf(plan);
    const shared = (await this.#kept(key)) ?? this.#inFlight.get(key);
    if (shared) return { summary, built: shared, shared: true };
    // Not within the flight: those who share it are not to be turned away for another's sake.
    admission?.run();
    const planned = isPlanned(plan) ? plan : planAnew();
    return { summary, built: this.#fly(key, () => this.#keptOrRun(planned, key, client)), shared: false };
  }

  /** Runs what a former life of the server left unfinished. Never rejects. */
  recover(): Promise<void> {
    return this.#recovery.recover();
  }

  /**
   * Orderly stop: what waits stays queued for the next start, what runs may finish within the grace time.
   * @param grace milliseconds
   */
  stop(grace: number): Promise<void> {
    this.#recovery.stop();
    return this.#runs.stop(grace);
  }

  /** One flight per key: whoever asks for the same meanwhile waits for this one. */
  #fly(key: string, flight: () => Promise<Built>): Promise<Built> {
    const built = flight().finally(() => this.#inFlight.delete(key));
    this.#inFlight.set(key, built);
    return built;
  }

  async #keptOrRun(plan: PlannedBuild, key: string, client: string): Promise<Built> {
    const kept = await this.#kept(key);
    if (kept) return kept;
    return this.#runs.begin(plan, client);
  }

  async #kept(key: string): Promise<Built | undefined> {
    const { builds, artifacts, uses } = this.#parts;
    const row = builds.cached(key);
    if (!row?.artifact) return undefined;
    const { status, reason, errors, size } = row;
    const { name } = row.artifact;
    if (await artifacts.find(name)) {
      uses.note(name);
      const outcome = { reason, errors, size };
      return { success: status === "succeeded", fileName: name, outcome, milliseconds: null };
    }
    builds.forget(name);
    return undefined;
  }

  /** The same may have been asked for and built since. */
  async #keptInstead(row: BuildRow): Promise<Built | undefined> {
    const kept = await this.#kept(row.key);
    const reason = "built by another request meanwhile";
    if (kept)
      this.#parts.builds.finish(row.id, {
        status: "cancelled",
        milliseconds: 0,
        artifact: null,
        reason,
        log: "",
      });
    return kept;
  }

  /** Statistics must not cost anybody their firmware. */
  #count(plan: PlanSummary, requester: Requester, success: boolean, buildMilliseconds: number | null): void {
    const { client: _, address, ...rest } = requester;
    try {
      this.#parts.stats.record({
        ...rest,
        client: address,
        hash: plan.key,
        board: plan.name.board,
        variant: plan.variant,
        layers: plan.layers,
        container: plan.version.container,
        success,
        requestedAt: new Date(),
        buildMilliseconds,
      });
    } catch (error) {
      this.#parts.logger.error({ err: error }, "the request could not be counted");
    }
  }
}

function summaryOf({ key, name, variant, layers, version, warnings }: PlanSummary): PlanSummary {
  return { key, name, variant, layers, version, warnings };
}

function isPlanned(plan: PlanSummary): plan is PlannedBuild {
  return "spec" in plan;
}
