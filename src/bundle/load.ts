import { buffer } from "node:stream/consumers";
import { counted, once } from "./bytes.ts";
import type { ImageDaemon, Platform } from "./daemon.ts";
import { dockerManifest } from "./docker.ts";
import { blobPath, chains, lackingLayers } from "./layers.ts";
import {
  type BundledImage,
  isFile,
  isPlaced,
  leftOut,
  type Manifest,
  type Member,
  memberNames,
  sizeOf,
} from "./manifest.ts";
import { Place, type Placement } from "./place.ts";
import { megabytes, type Progress } from "./progress.ts";
import { readBundle } from "./reading.ts";
import { type Part, tar } from "./writing.ts";

export interface LoadOptions {
  file: string;
  /** Where compose file, layouts and template go. */
  into: string;
  daemon: ImageDaemon;
  progress: Progress;
  signal: AbortSignal;
}

export interface LoadReport {
  manifest: Manifest;
  images: { image: BundledImage; outcome: "new" | "there" }[];
  files: { path: string; outcome: Placement }[];
}

/**
 * Brings a bundle to a daemon and into a directory. All of it is checked before anything is changed. Images that are there, by
 * their ids, are not loaded again: a load that was interrupted goes on with the next run.
 *
 * @throws Error when the bundle is damaged, made for another platform, or lacks layers that the daemon lacks, too
 */
export async function loadBundle(options: LoadOptions): Promise<LoadReport> {
  const { into, daemon, progress, signal } = options;
  const { manifest, bytes, placed } = await check(options);
  await daemon.requireIds();
  suitable(manifest, await daemon.platform());
  const place = await Place.open(into);

  const present = await daemon.chains();
  const missing = await absentImages(manifest, daemon);
  for (const { layers } of missing) complete(manifest, layers, present);
  for (const image of missing) {
    await loadImage(image, manifest, present, options);
    for (const chain of chains(image.layers)) present.add(chain);
  }
  for (const { id, tags } of manifest.images) for (const tag of tags) await daemon.tag(id, tag);

  progress.begin(`placing files in ${into}`, 0);
  const files: LoadReport["files"] = [];
  for (const [member, content] of placed) {
    signal.throwIfAborted();
    const outcome = isFile(member) ? await place.put(member, content) : await place.link(member);
    files.push({ path: member.path, outcome });
  }
  await place.finish(bytes);
  const images = manifest.images.map((image) => ({
    image,
    outcome: missing.includes(image) ? ("new" as const) : ("there" as const),
  }));
  return { manifest, images, files };
}

/** All that is placed, together, bytes: it is kept in memory until the images are there. */
const mostPlaced = 256 * 1024 * 1024;

interface Checked {
  manifest: Manifest;
  bytes: Buffer;
  /** What goes into the directory, in the archive's order; a link has no bytes. */
  placed: Map<Member, Buffer>;
}

async function check({ file, progress, signal }: LoadOptions): Promise<Checked> {
  const contents = new Map<string, Buffer>();
  const read: { manifest?: Manifest; bytes?: Buffer } = {};
  const begin = (manifest: Manifest, bytes: Buffer) => {
    Object.assign(read, { manifest, bytes });
    const placedBytes = sizeOf(manifest.members.filter(isPlaced));
    if (placedBytes > mostPlaced) throw new Error(`its files are too large: ${megabytes(placedBytes)}`);
    progress.begin(`checking ${file}`, sizeOf(manifest.members));
  };
  for await (const { member, bytes } of readBundle(file, {
    signal,
    begin,
    onBytes: (n) => progress.advance(n),
  })) {
    if (isPlaced(member)) contents.set(member.path, await buffer(bytes));
  }
  const { manifest, bytes } = read;
  if (manifest === undefined || bytes === undefined) throw new Error(`${file} holds no manifest`);
  const empty = Buffer.alloc(0);
  const placed = manifest.members.filter(isPlaced);
  return { manifest, bytes, placed: new Map(placed.map((one) => [one, contents.get(one.path) ?? empty])) };
}

function suitable({ platform: made }: Manifest, found: Platform): void {
  if (made.os === found.os && made.architecture === found.architecture) return;
  throw new Error(
    `this bundle was made for ${made.os}/${made.architecture}; the Docker daemon is ${found.os}/${found.architecture}`,
  );
}

async function absentImages({ images }: Manifest, daemon: ImageDaemon): Promise<BundledImage[]> {
  const found = await Promise.all(images.map(({ id }) => daemon.find(id)));
  return images.filter((_, index) => found[index] === undefined);
}

/** A delta's image can be put together only where the layers are that the delta leaves out. */
function complete(manifest: Manifest, layers: readonly string[], present: ReadonlySet<string>): void {
  const out = leftOut(manifest);
  const lacking = lackingLayers(layers, present).filter((layer) => out.has(layer));
  if (lacking.length === 0) return;
  throw new Error(
    `this bundle has only what is new since release ${manifest.since?.release} (${manifest.since?.created}), ` +
      `and the Docker daemon lacks ${lacking.length} layers of that: load that bundle first, or one that is whole`,
  );
}

/**
 * Loads one image, without the layers the daemon has. One at a time, so that each is there for good once it was loaded.
 */
async function loadImage(
  image: BundledImage,
  manifest: Manifest,
  present: ReadonlySet<string>,
  { file, daemon, progress, signal }: LoadOptions,
): Promise<void> {
  const needed = new Set([image.id, ...lackingLayers(image.layers, present)].map(blobPath));
  const members = manifest.members.filter(isFile).filter(({ path }) => needed.has(path));
  const last = members.at(-1)?.path;
  if (last === undefined) throw new Error(`${file} has nothing of image ${image.id}`);
  progress.begin(`loading ${image.tags[0]}`, sizeOf(members));

  async function* parts(): AsyncGenerator<Part> {
    const docker = dockerManifest([image]);
    yield { path: memberNames.docker, size: docker.length, bytes: () => once(docker) };
    for await (const { member, bytes } of readBundle(file, { signal, until: last })) {
      if (needed.has(member.path)) yield { ...member, bytes: () => counted(bytes, progress) };
    }
  }
  await daemon.load(tar(parts(), new Date(manifest.created)), signal);
  if ((await daemon.find(image.id)) === undefined) {
    throw new Error(`the daemon took ${image.tags[0]}, but has no image ${image.id} now`);
  }
}
