import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isRestoring, settle } from "../backup/swap.ts";
import { type CleanupParts, type CleanupPlan, carryOut, planCleanup } from "../build/cleanup.ts";
import { type Config, readConfig } from "../config.ts";
import { ArtifactStore } from "../store/artifacts.ts";
import { BuildStore, openBuilds } from "../store/builds.ts";
import type { Database } from "../store/database.ts";
import { isHeld, lockDirectory } from "../store/lock.ts";
import { compactDatabase, databaseSize } from "../store/maintenance.ts";
import { databasesIn } from "../store/snapshot.ts";
import { type Command, type CommandWorld, usage } from "./command.ts";

const options = {
  "dry-run": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
} as const;

/** The part of the runner that asks the daemon: loaded for this command alone. */
export type LoadRunner = () => Promise<{
  buildsInContainers(config: Config): ReturnType<CleanupParts["buildsInContainers"]>;
}>;

interface Removed {
  count: number;
  bytes: number;
}

/** What was removed, or would be. */
interface Report {
  dryRun: boolean;
  serverRuns: boolean;
  expired: Removed;
  strays: Removed;
  unfinished: Removed;
  directories: Removed;
  missing: number;
  rows: number;
  databases: Record<string, number>;
  bytes: number;
  notes: string[];
}

/** `kiisrv gc`: the retention that a server does by itself, now, and what nobody else clears up. */
export function gc(loadRunner: LoadRunner): Command {
  return {
    name: "gc",
    summary: "delete what is kept no longer and what was left behind; compact the databases",
    help: `kiisrv gc [--dry-run] [--json]

  --dry-run  say what would go, remove nothing
  --json     the same as JSON

  Zips beyond the limits (KIISRV_KEEP_…), zips that no build names, halves of zips, directories of builds that are over,
  rows beyond the limits, and what is free in the databases. A server may run: what it works on stays, and its databases are
  compacted as far as it is not kept waiting. Without one, they are written anew.`,

    async run(args, { environment, output, report }) {
      const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
      if (positionals.length > 0) throw usage("gc takes no arguments");
      const { buildsInContainers } = await loadRunner();
      const result = await clean(environment, values["dry-run"], buildsInContainers);
      if (values.json) output(JSON.stringify(result, null, 2));
      else for (const line of describe(result)) output(line);
      if (!values.json) for (const note of result.notes) report(`note: ${note}`);
    },
  };
}

async function clean(
  environment: CommandWorld["environment"],
  dryRun: boolean,
  askFor: (config: Config) => ReturnType<CleanupParts["buildsInContainers"]>,
): Promise<Report> {
  const config = readConfig(environment);
  const buildsInContainers = () => askFor(config);
  const { data } = config;
  const file = join(data, "builds.db");
  if (!existsSync(file)) throw new Error(`there is no builds.db in ${data}: no server has been there`);
  const serverRuns = isHeld(data);
  // A server leaves no mark of one: its start carries it through. What waits to be put in force looks like leftovers.
  if ((serverRuns || dryRun) && (await isRestoring(data))) {
    throw new Error(
      serverRuns
        ? `a restore to ${data} is under way; try again when it is over`
        : `a restore to ${data} is to be carried through first: start the server, or gc without --dry-run`,
    );
  }
  const lock = serverRuns ? undefined : lockDirectory(data);
  try {
    if (lock) await settle(data);
    await mkdir(config.artifacts, { recursive: true });
    const plan = await cleanUp(openBuilds(file, { inUse: serverRuns }), config, dryRun, buildsInContainers);
    return summarize(plan, { dryRun, serverRuns, databases: compact(data, dryRun, !serverRuns) });
  } finally {
    lock?.release();
  }
}

async function cleanUp(
  database: Database,
  { artifacts, keep, tmpConfig, tmpBuilds }: Config,
  dryRun: boolean,
  buildsInContainers: CleanupParts["buildsInContainers"],
): Promise<CleanupPlan> {
  try {
    const parts = {
      artifacts: new ArtifactStore(artifacts),
      builds: new BuildStore(database),
      limits: keep,
      workspaces: [tmpConfig, tmpBuilds],
      buildsInContainers,
    };
    const plan = await planCleanup(parts, Date.now());
    if (!dryRun) await carryOut(plan, parts);
    return plan;
  } finally {
    database.close();
  }
}

/** Bytes given back by each database; in a dry run, those that hold nothing. */
function compact(data: string, dryRun: boolean, alone: boolean): Record<string, number> {
  const freed = databasesIn(data).map((name) => {
    const file = join(data, name);
    const { bytes, free } = databaseSize(file);
    return [name, dryRun ? free : Math.max(0, bytes - compactDatabase(file, alone))] as const;
  });
  return Object.fromEntries(freed);
}

function summarize(
  { expired, strays, unfinished, directories, missing, rows, notes }: CleanupPlan,
  more: Pick<Report, "dryRun" | "serverRuns" | "databases">,
): Report {
  const removed = {
    expired: total(expired),
    strays: total(strays),
    unfinished: total(unfinished),
    directories: total(directories),
  };
  const freed = [...Object.values(removed).map(({ bytes }) => bytes), ...Object.values(more.databases)];
  const bytes = freed.reduce((sum, each) => sum + each, 0);
  return { ...more, ...removed, missing: missing.length, rows, bytes, notes };
}

function total(things: readonly { bytes: number }[]): Removed {
  return { count: things.length, bytes: things.reduce((sum, { bytes }) => sum + bytes, 0) };
}

function describe(report: Report): string[] {
  const { dryRun, expired, strays, unfinished, directories, missing, rows, databases, bytes } = report;
  const line = (what: string, { count, bytes: each }: Removed) => `  ${what}: ${count}, ${each} bytes`;
  return [
    dryRun ? "would remove:" : "removed:",
    line("zips beyond the limits", expired),
    line("zips that no build names", strays),
    line("zips that were never finished", unfinished),
    line("directories of builds that are over", directories),
    `  builds whose zip is gone, forgotten beyond the limits: ${rows}`,
    `  builds that named a zip which is not there: ${missing}`,
    ...Object.entries(databases).map(([name, freed]) => `  free in ${name}: ${freed} bytes`),
    `${dryRun ? "would free" : "freed"} ${bytes} bytes`,
  ];
}
