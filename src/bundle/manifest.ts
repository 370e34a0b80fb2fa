import { z } from "zod";
import { layoutFileName } from "../layout/shelf.ts";
import { blobPath, chains } from "./layers.ts";

/** The members of an archive that mean something to a program. */
export const memberNames = {
  /** First: the manifest. */
  manifest: "bundle.json",
  /** Second: the checksums once more, as sha256sum takes them. */
  sums: "SHA256SUMS",
  /** Loads the bundle on a host that has Docker and nothing else. */
  script: "load.sh",
  /** What Docker looks for in an archive of images. */
  docker: "manifest.json",
} as const;

/** The directory of image configurations and layers, each named by its SHA-256. */
const blobs = "blobs/";

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits");
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, "must be sha256: and 64 hexadecimal digits");

/** A relative path whose parts begin with no dot: it leads nowhere but down, and hides nothing. */
const path = z
  .string()
  .max(250)
  .regex(
    /^(?:[A-Za-z0-9_-][A-Za-z0-9._ -]*\/)*[A-Za-z0-9_-][A-Za-z0-9._ -]*$/,
    "must be a plain relative path",
  );

const file = z.strictObject({ path, sha256, size: z.int().min(0) });
const link = z.strictObject({ path, link: z.string().regex(layoutFileName, "must be a layout beside it") });

/** Images of ours alone: a load gives a name to what the bundle has, whatever had it before. */
const imageTag =
  /^kiisrv-(?:server|proxy|controller-[a-z0-9][a-z0-9._-]*):[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

const image = z.strictObject({
  /** Its content id. */
  id: digest,
  /** What it is called on the daemon after a load. */
  tags: z.array(z.string().regex(imageTag, "must be an image of kiisrv with its tag")).min(1),
  /** The diff ids of its layers, the lowest first. */
  layers: z.array(digest).min(1),
});

const schema = z
  .strictObject({
    format: z.literal(1),
    /** Version of the program that made it. */
    version: z.string(),
    /** The tag its images carry beside `latest`: the version and what tells these images from others. */
    release: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/),
    created: z.iso.datetime(),
    platform: z.strictObject({ os: z.string(), architecture: z.string() }),
    /** Of a delta: the bundle that has the layers which this one leaves out. */
    since: z.strictObject({ release: z.string(), created: z.iso.datetime() }).nullable(),
    /** Names as in `/versions`. */
    versions: z.array(z.string()),
    images: z.array(image).min(1),
    /** All members after the checksums, in the archive's order. */
    members: z.array(z.union([file, link])),
  })
  .superRefine((manifest, context) => {
    for (const message of contradictions(manifest)) context.addIssue({ code: "custom", message });
  });

export type Manifest = z.output<typeof schema>;
export type BundledImage = Manifest["images"][number];
export type FileMember = z.output<typeof file>;
export type LinkMember = z.output<typeof link>;
export type Member = FileMember | LinkMember;

/**
 * Reads and checks a manifest.
 * @param from what is read, for the message
 * @throws Error saying what is wrong with it
 */
export function parseManifest(bytes: Buffer, from: string): Manifest {
  const checked = schema.safeParse(parseJson(bytes, from));
  if (checked.success) return checked.data;
  const [first] = checked.error.issues;
  const where = first === undefined || first.path.length === 0 ? "" : `${first.path.join(".")}: `;
  throw new Error(`${from} is no manifest of a bundle this version can read: ${where}${first?.message}`);
}

function parseJson(bytes: Buffer, from: string): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new Error(`${from} is no JSON`, { cause });
  }
}

export function printManifest(manifest: Manifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
}

/** The checksums as `sha256sum --check` reads them: of the manifest, then of each file in the archive's order. */
export function printSums(manifestSha256: string, members: readonly Member[]): Buffer {
  const lines = [`${manifestSha256}  ${memberNames.manifest}\n`];
  for (const member of members) if (isFile(member)) lines.push(`${member.sha256}  ${member.path}\n`);
  return Buffer.from(lines.join(""));
}

export function isFile(member: Member): member is FileMember {
  return "sha256" in member;
}

/** Bytes of all files together. */
export function sizeOf(members: readonly Member[]): number {
  return members.reduce((sum, member) => sum + (isFile(member) ? member.size : 0), 0);
}

/** Whether a member goes into the operator's directory: all but what only serves to load the images. */
export function isPlaced({ path }: Member): boolean {
  return path !== memberNames.docker && path !== memberNames.script && !path.startsWith(blobs);
}

/** The layers an image needs that the archive does not carry. */
export function leftOut(manifest: Manifest): Set<string> {
  const carried = new Set(manifest.members.map(({ path }) => path));
  const layers = manifest.images.flatMap((one) => one.layers);
  return new Set(layers.filter((layer) => !carried.has(blobPath(layer))));
}

/** All chains of layers that a daemon has once it loaded the bundle: an image that goes on from one needs only the rest. */
export function bundleChains(manifest: Manifest): Set<string> {
  return new Set(manifest.images.flatMap(({ layers }) => chains(layers)));
}

/** What a manifest says that cannot be, or would let one member stand for another. */
function* contradictions(manifest: Pick<Manifest, "members" | "images" | "since">): Generator<string> {
  const byPath = new Map(manifest.members.map((member) => [member.path, member]));
  if (byPath.size < manifest.members.length) yield "a member is listed twice";
  for (const reserved of [memberNames.manifest, memberNames.sums]) {
    if (byPath.has(reserved)) yield `${reserved} cannot list itself`;
  }
  for (const member of manifest.members) yield* misplaced(member, byPath);
  for (const { id, layers } of manifest.images) {
    if (!byPath.has(blobPath(id))) yield `the configuration of image ${id} is missing`;
    for (const layer of layers) {
      if (manifest.since === null && !byPath.has(blobPath(layer))) yield `layer ${layer} is missing`;
    }
  }
  if (!byPath.has(memberNames.docker)) yield `${memberNames.docker} is missing`;
}

function* misplaced(member: Member, byPath: ReadonlyMap<string, Member>): Generator<string> {
  const { path } = member;
  const parts = path.split("/");
  for (let depth = 1; depth < parts.length; depth++) {
    const above = parts.slice(0, depth).join("/");
    if (byPath.has(above)) yield `${above} is a file and a directory`;
  }
  if (path.startsWith(blobs) && !(isFile(member) && path === blobPath(`sha256:${member.sha256}`))) {
    yield `${path} is not named by its checksum`;
  }
  if (isFile(member)) return;
  const target = byPath.get([...parts.slice(0, -1), member.link].join("/"));
  if (target === undefined || !isFile(target)) yield `${path} leads to ${member.link}, which is not there`;
}
