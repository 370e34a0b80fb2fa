import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { type ReadMember, readArchive } from "./archive.ts";
import {
  type BackupManifest,
  isMember,
  type Member,
  manifestBytes,
  manifestName,
  parseManifest,
} from "./manifest.ts";

/**
 * Unpacks a backup and checks all of it: nothing but files a backup may hold, each once, each with the size and the checksum
 * the manifest says, and none missing.
 *
 * @param placeFor makes sure there is a directory for a member, and says what its file is to be called for the time being
 * @throws Error saying what is wrong; what was unpacked until then is the caller's to remove
 */
export async function unpackBackup(
  source: Readable,
  signal: AbortSignal,
  placeFor: (path: string) => Promise<string>,
): Promise<BackupManifest> {
  const unpacked = new Map<string, Member>();
  let manifest: BackupManifest | undefined;
  await readArchive(source, signal, async (member) => {
    const { path } = member;
    if (manifest) throw new Error(`the backup goes on after its manifest, with ${JSON.stringify(path)}`);
    if (path === manifestName) {
      manifest = parseManifest(await readWhole(member));
      return;
    }
    if (!isMember(path)) throw new Error(`the backup holds ${JSON.stringify(path)}, which none should`);
    if (unpacked.has(path)) throw new Error(`the backup holds ${path} twice`);
    unpacked.set(path, await unpackMember(member, await placeFor(path)));
  });
  if (!manifest) throw new Error("the backup is cut off: it has no manifest");
  compare(manifest, unpacked);
  return manifest;
}

async function unpackMember({ path, content, modified }: ReadMember, file: string): Promise<Member> {
  const hash = createHash("sha256");
  let bytes = 0;
  await using handle = await open(file, "wx", path.startsWith("databases/") ? 0o600 : 0o644);
  for await (const chunk of content) {
    hash.update(chunk);
    bytes += chunk.length;
    await handle.writeFile(chunk);
  }
  await handle.utimes(modified, modified);
  await handle.sync();
  return { path, bytes, sha256: hash.digest("hex") };
}

async function readWhole({ bytes, content }: ReadMember): Promise<Buffer> {
  if (bytes > manifestBytes) throw new Error("the backup's manifest is too large");
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function compare({ members, aliases }: BackupManifest, unpacked: ReadonlyMap<string, Member>): void {
  for (const { path, bytes, sha256 } of members) {
    const found = unpacked.get(path);
    if (!found) throw new Error(`the backup lacks ${path}, which its manifest names`);
    if (found.bytes !== bytes || found.sha256 !== sha256) {
      throw new Error(`the backup is damaged: ${path} is not what it was`);
    }
  }
  const named = new Set(members.map(({ path }) => path));
  for (const path of unpacked.keys()) {
    if (!named.has(path)) throw new Error(`the backup holds ${path}, which its manifest does not name`);
  }
  for (const { path } of aliases) {
    if (named.has(path)) throw new Error(`the backup has ${path} as a file and as an alias`);
  }
}
