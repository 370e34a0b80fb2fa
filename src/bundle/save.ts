import { createHash } from "node:crypto";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import { buffers, counted, once } from "./bytes.ts";
import type { Compression } from "./compression.ts";
import type { ImageDaemon, Platform, PresentImage } from "./daemon.ts";
import { dockerManifest } from "./docker.ts";
import { blobPath, chains, lackingLayers } from "./layers.ts";
import {
  type BundledImage,
  bundleChains,
  type Manifest,
  type Member,
  memberNames,
  parseManifest,
  printManifest,
  printSums,
  sizeOf,
} from "./manifest.ts";
import { megabytes, type Progress } from "./progress.ts";
import { Spool } from "./spool.ts";
import { type Part, publish, tar } from "./writing.ts";

/** What goes into a bundle beside the images: a small file, or a link to one beside it. */
export type Content = { path: string; bytes: Buffer; mode?: number } | { path: string; link: string };

export interface SaveOptions {
  output: string;
  compression: Compression;
  version: string;
  created: Date;
  /** What the images' tags carry; undefined: the version and what tells these images from others. */
  release: string | undefined;
  /** Names of firmware versions whose images are among those saved. */
  versions: string[];
  /** Names without tag, as they will be called on the other daemon, and what is saved under them: an id or a reference. */
  images: ReadonlyMap<string, string>;
  contents: readonly Content[];
  /** A bundle that the other daemon has: its layers are left out. */
  since: Manifest | undefined;
  daemon: ImageDaemon;
  progress: Progress;
  signal: AbortSignal;
}

export interface SaveReport {
  manifest: Manifest;
  /** Bytes. */
  size: number;
  sha256: string;
}

/**
 * Writes a bundle. It appears under its name when it is whole; until then there are a file beside it and one without a name.
 * Equal images and files, with an equal time of creation, give equal bytes.
 *
 * @throws Error when an image is not there, the images are of several platforms, or the disk lacks room
 */
export async function saveBundle(options: SaveOptions): Promise<SaveReport> {
  const { output, compression, daemon, progress, signal } = options;
  await daemon.requireIds();
  const found = await findImages(options.images, daemon);
  const platform = platformOf(found);
  const release = options.release ?? releaseOf(found, options.version);
  const images = nameImages(found, release);
  const directory = dirname(output);
  await needRoom(directory, [...found.values()]);

  const spool = await Spool.open(directory);
  try {
    const wanted = wantedBlobs(images, options.since);
    await fetchBlobs(images, wanted, spool, options);
    const contents = [...options.contents, { path: memberNames.docker, bytes: dockerManifest(images) }];
    const entries = [...contents.map(contentEntry), ...[...wanted].map((sha256) => blobEntry(sha256, spool))];
    const members = entries.map(({ member }) => member);
    const manifest = describe(members, images, { ...options, platform, release });
    progress.begin(`writing ${output}`, sizeOf(members));
    const archive = tar(allParts(manifest, entries, progress), options.created);
    return { manifest, ...(await publish(archive, output, compression, signal)) };
  } finally {
    await spool.close();
  }
}

async function findImages(
  names: ReadonlyMap<string, string>,
  daemon: ImageDaemon,
): Promise<Map<string, PresentImage>> {
  const found = new Map<string, PresentImage>();
  for (const [name, reference] of names) {
    const image = await daemon.find(reference);
    if (image === undefined) throw new Error(`there is no image ${reference} on the Docker daemon`);
    found.set(name, image);
  }
  return found;
}

/** The version, and what tells these images from others of it. */
function releaseOf(images: ReadonlyMap<string, PresentImage>, version: string): string {
  const ids = [...images.values()].map(({ id }) => id).sort();
  return `${version}-${sha256Of(Buffer.from(ids.join("\n"))).slice(0, 8)}`;
}

/** Each image with its tags, in the order of the names; two names of one image are tags of one. */
function nameImages(found: ReadonlyMap<string, PresentImage>, release: string): BundledImage[] {
  const images = new Map<string, BundledImage>();
  for (const [name, { id, layers }] of found) {
    const image = images.get(id) ?? { id, tags: [], layers };
    image.tags.push(`${name}:${release}`, `${name}:latest`);
    images.set(id, image);
  }
  return [...images.values()];
}

/**
 * Room for the images as they are and for the archive of them. Layers that images share count once a image here, for the
 * daemon does not say how large they are.
 */
async function needRoom(directory: string, images: readonly PresentImage[]): Promise<void> {
  const needed = images.reduce((sum, { size }) => sum + size, 0) * 1.5;
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free >= needed) return;
  throw new Error(
    `${directory} has ${megabytes(free)} free; saving these images may take ${megabytes(needed)}`,
  );
}

/** The SHA-256 of all configurations and layers to carry, in the order of the images that need them. */
function wantedBlobs(images: readonly BundledImage[], since: Manifest | undefined): Set<string> {
  const there = since === undefined ? new Set<string>() : bundleChains(since);
  const wanted = new Set<string>();
  for (const { id, layers } of images) {
    for (const digest of [id, ...lackingLayers(layers, there)]) wanted.add(digest.slice("sha256:".length));
    for (const chain of chains(layers)) there.add(chain);
  }
  return wanted;
}

/**
 * Has the daemon pack the images and keeps what is wanted of it. Every file of what the daemon sends is known by its content,
 * so that it does not matter under which names, or how often, this daemon's kind of archive has it.
 */
async function fetchBlobs(
  images: readonly BundledImage[],
  wanted: ReadonlySet<string>,
  spool: Spool,
  { daemon, progress, signal }: SaveOptions,
): Promise<void> {
  progress.begin("fetching the images from the daemon", 0);
  const archive = extract();
  const ids = images.map(({ id }) => id);
  const take = async () => {
    for await (const entry of archive) await spool.take(buffers(entry), wanted);
  };
  await Promise.all([pipeline(counted(daemon.save(ids, signal), progress), archive), take()]);
}

/** A member and where its bytes come from. */
interface Entry {
  member: Member;
  part: Part;
}

function contentEntry(content: Content): Entry {
  if ("link" in content) return { member: content, part: content };
  const { path, bytes } = content;
  const size = bytes.length;
  return {
    member: { path, sha256: sha256Of(bytes), size },
    part: { ...content, size, bytes: () => once(bytes) },
  };
}

function blobEntry(sha256: string, spool: Spool): Entry {
  const [path, size] = [blobPath(`sha256:${sha256}`), spool.size(sha256)];
  return { member: { path, sha256, size }, part: { path, size, bytes: () => spool.read(sha256) } };
}

function platformOf(images: ReadonlyMap<string, PresentImage>): Platform {
  const platforms = new Map(
    [...images].map(([name, { platform }]) => [
      `${platform.os}/${platform.architecture}`,
      { name, platform },
    ]),
  );
  const [first, ...others] = platforms.values();
  if (first === undefined) throw new Error("there is no image to save");
  if (others.length === 0) return first.platform;
  const list = [...platforms].map(([platform, { name }]) => `${name} for ${platform}`).join(", ");
  throw new Error(`a bundle is of one platform, but these images are of several: ${list}`);
}

/** The manifest, checked as a reader will: what is written can be read. */
function describe(
  members: Member[],
  images: BundledImage[],
  {
    version,
    created,
    since,
    versions,
    platform,
    release,
  }: SaveOptions & { platform: Platform; release: string },
): Manifest {
  const manifest = {
    format: 1 as const,
    version,
    release,
    created: created.toISOString(),
    platform,
    since: since === undefined ? null : { release: since.release, created: since.created },
    versions,
    images,
    members,
  };
  return parseManifest(printManifest(manifest), "the new bundle");
}

function* allParts(manifest: Manifest, entries: readonly Entry[], progress: Progress): Generator<Part> {
  const bytes = printManifest(manifest);
  const sums = printSums(sha256Of(bytes), manifest.members);
  yield { path: memberNames.manifest, size: bytes.length, bytes: () => once(bytes) };
  yield { path: memberNames.sums, size: sums.length, bytes: () => once(sums) };
  for (const { part } of entries) {
    yield "link" in part ? part : { ...part, bytes: () => counted(part.bytes(), progress) };
  }
}

function sha256Of(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
