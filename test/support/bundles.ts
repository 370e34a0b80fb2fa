import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { zstdCompressSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { blobPath } from "../../src/bundle/layers.ts";
import { type Manifest, printManifest, printSums } from "../../src/bundle/manifest.ts";
import { temporaryDirectory } from "./app.ts";

/** A member of an archive as it is written, whether or not a manifest says so. */
export interface RawMember {
  name: string;
  bytes?: Buffer;
  header?: Partial<Header>;
}

export function sha256(bytes: Buffer | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

const file = (path: string, text: string) => ({ path, sha256: sha256(text), size: Buffer.byteLength(text) });

const texts = {
  configuration: "an image's configuration",
  layer: "a layer",
  "compose.prod.yaml": "services: {}\n",
  "layouts/Tiny-Base.json": "{}\n",
  "manifest.json": "[]\n",
};
const blob = (text: string) => ({ ...file("", text), path: blobPath(`sha256:${sha256(text)}`) });

/** The manifest of a bundle that is as small as can be, and right. */
export function tinyManifest(): Manifest {
  return {
    format: 1,
    version: "0.1.0",
    release: "0.1.0-tiny",
    created: "2026-01-02T03:04:05Z",
    platform: { os: "linux", architecture: "amd64" },
    since: null,
    versions: ["demo"],
    images: [
      {
        id: `sha256:${sha256(texts.configuration)}`,
        tags: ["kiisrv-server:latest"],
        layers: [`sha256:${sha256(texts.layer)}`],
      },
    ],
    members: [
      file("compose.prod.yaml", texts["compose.prod.yaml"]),
      file("layouts/Tiny-Base.json", texts["layouts/Tiny-Base.json"]),
      { path: "layouts/Tiny-Default.json", link: "Tiny-Base.json" },
      file("manifest.json", texts["manifest.json"]),
      blob(texts.configuration),
      blob(texts.layer),
    ],
  };
}

/** The members that belong to `tinyManifest`, or to one that was made of it, in the archive's order. */
export function tinyMembers(manifest: Manifest = tinyManifest()): RawMember[] {
  const bytes = printManifest(manifest);
  const known = new Map(Object.values(texts).map((text) => [sha256(text), Buffer.from(text)]));
  return [
    { name: "bundle.json", bytes },
    { name: "SHA256SUMS", bytes: printSums(sha256(bytes), manifest.members) },
    ...manifest.members.map((member): RawMember => {
      if ("link" in member) return { name: member.path, header: { type: "symlink", linkname: member.link } };
      return { name: member.path, bytes: known.get(member.sha256) ?? Buffer.alloc(member.size) };
    }),
  ];
}

export async function rawArchive(members: readonly RawMember[]): Promise<Buffer> {
  const archive = pack();
  for (const { name, bytes = Buffer.alloc(0), header } of members) archive.entry({ name, ...header }, bytes);
  archive.finalize();
  return buffer(archive);
}

/** Writes an archive, compressed, as a file that goes away with the test. */
export async function bundleFile(
  members: readonly RawMember[],
  change: (compressed: Buffer) => Buffer = (bytes) => bytes,
): Promise<string> {
  const path = join(temporaryDirectory(), "bundle.tar.zst");
  writeFileSync(path, change(zstdCompressSync(await rawArchive(members))));
  return path;
}
