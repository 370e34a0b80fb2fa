import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chooseImages } from "./bundle/choice.ts";
import { compressionByName } from "./bundle/compression.ts";
import { ownLayouts, syncedLayouts, versionFacts } from "./bundle/contents.ts";
import { ImageDaemon } from "./bundle/daemon.ts";
import { loadBundle } from "./bundle/load.ts";
import { type Manifest, memberNames, parseManifest, printManifest, sizeOf } from "./bundle/manifest.ts";
import { megabytes, Progress, type Screen } from "./bundle/progress.ts";
import { readManifest, verifyBundle } from "./bundle/reading.ts";
import { type Content, saveBundle } from "./bundle/save.ts";
import type { LoadBundling, SaveOrder } from "./cli/bundle.ts";
import type { CommandWorld } from "./cli/command.ts";
import { productVersion } from "./cli/version.ts";
import { type Config, configTemplate, readConfig } from "./config.ts";
import { SyncedLayouts } from "./layout/synced.ts";
import { connectDaemon } from "./runner/connect.ts";
import { openConfig, VersionStore } from "./store/versions.ts";

type Bundling = Awaited<ReturnType<LoadBundling>>;

/** From the sources as well as from `dist/`: both lie one floor below the product's directory. */
const product = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

export const save: Bundling["save"] = async (order, { environment, output, screen }, signal) => {
  const config = readConfig(environment);
  const daemon = new ImageDaemon(connectDaemon(config).docker);
  const versions = openVersions(config);
  const chosen = await chooseImages(order, versions.all(), daemon);
  const options = {
    output: resolve(order.output),
    compression: compressionByName(order.output) ?? "none",
    version: productVersion(),
    created: creationTime(environment),
    release: order.release,
    ...chosen,
    contents: [
      ...smallContents(order, versions),
      ...ownLayouts(config.layouts),
      ...syncedLayouts(new SyncedLayouts(...config.syncedLayouts)),
    ],
    since: order.since === undefined ? undefined : await readSince(order.since, signal),
    daemon,
    signal,
  };
  const { manifest, size, sha256 } = await withProgress(screen, (progress) =>
    saveBundle({ ...options, progress }),
  );
  output(
    `${order.output}: release ${manifest.release}, ${manifest.images.length} images, ${megabytes(size)} (unpacked ${megabytes(sizeOf(manifest.members))})`,
  );
  output(`sha256 ${sha256}`);
};

export const load: Bundling["load"] = async ({ file, into }, { environment, output, screen }, signal) => {
  const daemon = new ImageDaemon(connectDaemon(readConfig(environment)).docker);
  const { manifest, images, files } = await withProgress(screen, (progress) =>
    loadBundle({ file, into, daemon, progress, signal }),
  );
  output(`release ${manifest.release}, made ${manifest.created}`);
  for (const { image, outcome } of images)
    output(`  image ${outcome.padEnd(8)}${image.tags[0]}  ${image.id.slice(7, 19)}`);
  for (const { path, outcome } of files)
    output(
      `  file  ${outcome.padEnd(8)}${path}${outcome === "kept" ? `  (yours differs; see ${path}.new)` : ""}`,
    );
};

export const verify: Bundling["verify"] = async (file, { output, screen }, signal) => {
  const { release, members } = await withProgress(screen, (progress) =>
    verifyBundle(file, {
      signal,
      begin: ({ members }) => progress.begin(`checking ${file}`, sizeOf(members)),
      onBytes: (count) => progress.advance(count),
    }),
  );
  output(`${file}: release ${release}, all ${members.length} members are as its manifest says`);
};

export const show: Bundling["show"] = async (file, { output }, signal) => {
  output(
    printManifest(await readManifest(file, signal))
      .toString()
      .trimEnd(),
  );
};

/** Whatever comes of the work, what is printed next has a line of its own. */
async function withProgress<T>(screen: Screen, work: (progress: Progress) => Promise<T>): Promise<T> {
  const progress = new Progress(screen);
  try {
    return await work(progress);
  } finally {
    progress.end();
  }
}

function smallContents({ compose }: SaveOrder, versions: VersionStore): Content[] {
  const here = "compose.prod.yaml";
  const composeFile = compose ?? (existsSync(here) ? here : product(here));
  return [
    { path: memberNames.script, bytes: readFileSync(product("scripts/load.sh")), mode: 0o755 },
    { path: here, bytes: readFileSync(composeFile) },
    { path: "env.template", bytes: Buffer.from(configTemplate()) },
    versionFacts(versions.all(), (tag) => versions.release(tag)),
  ];
}

/** Of the server that has its data here, else those kiisrv comes with. */
function openVersions({ data }: Config): VersionStore {
  const file = join(data, "config.db");
  return new VersionStore(openConfig(existsSync(file) ? file : ":memory:"));
}

/** A bundle, or the manifest of one. */
async function readSince(file: string, signal: AbortSignal): Promise<Manifest> {
  return file.endsWith(".json") ? parseManifest(await readFile(file), file) : readManifest(file, signal);
}

/** Now, or what SOURCE_DATE_EPOCH says (seconds), so that a bundle can be made once more, byte by byte. */
function creationTime({ SOURCE_DATE_EPOCH: seconds }: CommandWorld["environment"]): Date {
  if (seconds === undefined || seconds === "") return new Date(Math.floor(Date.now() / 1000) * 1000);
  if (!/^\d{1,11}$/.test(seconds)) throw new Error("SOURCE_DATE_EPOCH must be a number of seconds");
  return new Date(Number(seconds) * 1000);
}
