import { existsSync } from "node:fs";
import { mkdir, rmdir } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, resolve } from "node:path";
import type { Diagnosis } from "./cli/doctor.ts";
import type { Config } from "./config.ts";
import { checks } from "./doctor/checks.ts";
import { type Examined, examine } from "./doctor/examine.ts";
import type { LayoutFacts } from "./doctor/facts.ts";
import { gather, NotLookedAt, type Probes } from "./doctor/gather.ts";
import { lookAtDirectories } from "./doctor/probes/directories.ts";
import { lookAtMachine } from "./doctor/probes/machine.ts";
import { lookAtPort } from "./doctor/probes/port.ts";
import { lookAtProcess } from "./doctor/probes/process.ts";
import { lookFromOutside } from "./doctor/probes/publicly.ts";
import { lookAtSocket } from "./doctor/probes/socket.ts";
import { requireAnswer } from "./doctor/probes/stuck.ts";
import { messageOf } from "./doctor/text.ts";
import { LayoutLibrary } from "./layout/library.ts";
import { LayoutListing } from "./layout/listing.ts";
import { SyncedLayouts } from "./layout/synced.ts";
import { connectDaemon } from "./runner/connect.ts";
import { outputContract } from "./runner/images.ts";
import { mayBeContainer } from "./runner/ownMounts.ts";
import { type Rehearsal, rehearse } from "./runner/rehearsal.ts";
import { type DaemonFacts, type InspectedImage, Survey } from "./runner/survey.ts";
import { examine as examineDatabases } from "./store/examination.ts";

/** Milliseconds the daemon has for one answer. */
const patience = 4000;
const times = { quick: { look: 5000, tidy: 500 }, whole: { look: 15_000, tidy: 5000 } };

/**
 * Looks at this installation and judges what it sees. What it makes for that, it removes; also when it is ended early.
 * @param signal ends it; what is not known by then has failed
 */
export async function diagnose(diagnosis: Diagnosis, signal: AbortSignal): Promise<Examined[]> {
  const long = diagnosis.rehearse || diagnosis.thorough;
  return examine(checks, await gather(probesOf(diagnosis), long ? times.whole : times.quick, signal));
}

function probesOf({ config, mistakes, known, environment, thorough, url, ...diagnosis }: Diagnosis): Probes {
  const set = Object.keys(environment).filter((name) => environment[name] !== "");
  const connection = once(async () => connectDaemon(config));
  const survey = once(async () => new Survey((await connection()).docker, patience));
  const answer = once(async () => {
    try {
      await (await survey()).ping();
      return { answers: true } as const;
    } catch (error) {
      return { answers: false, error: messageOf(error) } as const;
    }
  });
  /** Asks only a daemon that answers at all: one that hangs is waited for once. */
  const asked = async <T>(ask: (survey: Survey) => Promise<T>): Promise<T> => {
    if (!(await answer()).answers) throw new NotLookedAt("the daemon does not answer");
    return ask(await survey());
  };
  const daemon = once(() => asked((one) => one.daemon()));
  const images = once(() => asked((one) => one.images()));
  const databases = once(async (limit: AbortSignal) => {
    await requireAnswer(config.data);
    return examineDatabases({ directory: config.data, thorough }, limit);
  });
  const name = hostname();
  return {
    configuration: async () => ({ settings: config, mistakes, known, set }),
    process: lookAtProcess,
    socket: () => lookAtSocket({ ...environment, DOCKER_HOST: config.dockerHost }),
    answer,
    daemon,
    images,
    async containers(limit) {
      const { instance } = await databases(limit);
      return instance === "" ? [] : asked((one) => one.containers(instance));
    },
    self: async () => ({
      image: (mayBeContainer(name) ? await asked((one) => one.imageOf(name)) : undefined) ?? null,
    }),
    async rehearsal(limit) {
      if (!diagnosis.rehearse) throw new NotLookedAt("left out, as this was to be quick");
      const image = fitImage(await images(), await daemon());
      if (image === undefined) throw new NotLookedAt("there is no image to run");
      const { instance } = await databases(limit);
      return inDirectories([config.tmpConfig, config.tmpBuilds], async () =>
        rehearse(image, {
          ...(await connection()),
          runtime: config.runtime,
          directories: config,
          instance: instance || "none",
          limits: config.limits,
          patience,
          signal: limit,
        }),
      );
    },
    directories: () => lookAtDirectories(config),
    databases,
    layouts: () => lookAtLayouts(config),
    port: (limit) => lookAtPort(config.host, config.port, limit),
    publicly: (limit) => lookFromOutside(url, limit),
    machine: lookAtMachine,
  };
}

/** The image whose container shows the most: one of ours, which has the whole sandbox, for the daemon's own machine. */
function fitImage(images: readonly InspectedImage[], daemon: DaemonFacts): InspectedImage | undefined {
  const own = { x86_64: "amd64", aarch64: "arm64" }[daemon.architecture] ?? daemon.architecture;
  const fit = images.filter(({ name, architecture }) => architecture === own && name.startsWith("kiisrv-"));
  return fit.find(({ labels }) => outputContract(labels) === "files") ?? fit[0];
}

/** Those of the directories that are not there are made for the time being, with those above them. */
async function inDirectories(paths: readonly string[], work: () => Promise<Rehearsal>): Promise<Rehearsal> {
  const made: string[] = [];
  try {
    for (const path of paths) {
      const highest = await mkdir(path, { recursive: true });
      if (highest !== undefined) made.push(...upTo(highest, resolve(path)));
    }
    return await work();
  } finally {
    for (const path of made.reverse()) await removeUnused(path);
  }
}

/** A directory and those above it, the highest first. */
function upTo(highest: string, path: string): string[] {
  return path === highest ? [path] : [...upTo(highest, dirname(path)), path];
}

/** What somebody put something into meanwhile stays, or what cannot be removed: what was found out is worth more. */
async function removeUnused(directory: string): Promise<void> {
  await rmdir(directory).catch(() => undefined);
}

async function lookAtLayouts(config: Config): Promise<LayoutFacts> {
  await Promise.all([config.layouts, ...config.syncedLayouts].map(requireAnswer));
  const directoryExists = existsSync(config.layouts);
  try {
    const synced = new SyncedLayouts(...config.syncedLayouts);
    const listed = await new LayoutListing(new LayoutLibrary(config.layouts, synced)).list();
    return { directoryExists, listed, source: synced.current()?.source ?? null, error: null };
  } catch (error) {
    return { directoryExists, listed: [], source: null, error: messageOf(error) };
  }
}

/** Does a thing at the first call; later ones get what came of it. */
function once<Given extends unknown[], T>(
  work: (...given: Given) => Promise<T>,
): (...given: Given) => Promise<T> {
  let begun: Promise<T> | undefined;
  return (...given) => {
    begun ??= work(...given);
    return begun;
  };
}
