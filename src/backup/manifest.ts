import { z } from "zod";
import { layoutFileName } from "../layout/shelf.ts";
import { isDatabaseName } from "../store/snapshot.ts";

/** The last member: what the others must be. An archive without it is no whole backup. */
export const manifestName = "manifest.json";

/** What a manifest may take, bytes: some 100 a member. */
export const manifestBytes = 256 * 1024 * 1024;

/** Directories of an archive. */
export const places = {
  databases: "databases/",
  artifacts: "artifacts/",
  /** The operator's own layouts. */
  own: "layouts/own/",
  /** The synced library in force. */
  synced: "layouts/synced/",
} as const;

const artifactName = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,250}\.zip$/;

/**
 * What of a bare repository is carried. Its configuration, its hooks and its ways to other repositories are not: they could
 * run commands, or read files, of the machine it is restored on.
 */
const repositoryFile =
  /^upstream\.git\/(?:HEAD|packed-refs|shallow|refs(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*){1,8}|objects\/[0-9a-f]{2}\/[0-9a-f]{38,62}|objects\/pack\/pack-[0-9a-f]{40,64}\.(?:pack|idx|rev))$/;

const rules: readonly [place: string, isName: (name: string) => boolean][] = [
  [places.databases, isDatabaseName],
  [places.artifacts, (name) => artifactName.test(name)],
  [places.own, (name) => layoutFileName.test(name)],
  [places.synced, isSyncedFile],
];

function isSyncedFile(name: string): boolean {
  if (name === "source.json" || repositoryFile.test(name)) return !name.includes("..");
  return name.startsWith("files/") && layoutFileName.test(name.slice("files/".length));
}

/** Whether a backup may hold a file of that name: it then leads nowhere but where such a file belongs. */
export function isMember(path: string): boolean {
  return rules.some(([place, isName]) => path.startsWith(place) && isName(path.slice(place.length)));
}

/** The directory of an archive a member is in, and its name there. */
export function placeOf(path: string): { place: string; name: string } {
  const place = Object.values(places).find((one) => path.startsWith(one)) ?? "";
  return { place, name: path.slice(place.length) };
}

const isLayout = (path: string) => /^layouts\/(?:own|synced\/files)\//.test(path) && isMember(path);

const schema = z.strictObject({
  format: z.literal(1),
  /** When the databases were read, UTC. */
  created: z.iso.datetime(),
  /** Whether artifacts were asked for. */
  artifacts: z.boolean(),
  /** What the synced library is called; null: none was in force. */
  synced: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/)
    .nullable(),
  /** Layouts that are another name of one beside them. */
  aliases: z.array(
    z.strictObject({
      path: z.string().refine(isLayout),
      target: z.string().regex(layoutFileName),
    }),
  ),
  /** All files before this one, in the archive's order. */
  members: z.array(
    z.strictObject({
      path: z.string().refine(isMember),
      bytes: z.int().min(0),
      sha256: z.string().regex(/^[0-9a-f]{64}$/),
    }),
  ),
});

export type BackupManifest = z.output<typeof schema>;
export type Member = BackupManifest["members"][number];
export type Alias = BackupManifest["aliases"][number];

/** @throws Error saying what is wrong with it */
export function parseManifest(bytes: Buffer): BackupManifest {
  const manifest = schema.safeParse(parseJson(bytes));
  if (manifest.success) return manifest.data;
  const [issue] = manifest.error.issues;
  throw new Error(
    `the backup's manifest cannot be read by this version: ${issue?.path.join(".")}: ${issue?.message}`,
  );
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (cause) {
    throw new Error("the backup's manifest is no JSON", { cause });
  }
}

export function printManifest(manifest: BackupManifest): Buffer {
  return Buffer.from(`${JSON.stringify(manifest)}\n`);
}
