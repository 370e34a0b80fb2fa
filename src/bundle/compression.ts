import { open } from "node:fs/promises";
import type { Transform } from "node:stream";
// Not by name: a Node without zstd would refuse to load this module.
import zlib from "node:zlib";

export type Compression = "zstd" | "gzip" | "none";

const suffixes: [string, Compression][] = [
  [".tar.zst", "zstd"],
  [".tar.gz", "gzip"],
  [".tar", "none"],
];

/** @returns undefined for a file name that ends like no bundle */
export function compressionByName(name: string): Compression | undefined {
  return suffixes.find(([suffix]) => name.endsWith(suffix))?.[1];
}

/** How a file is compressed, by its first bytes; what has none of the known marks is taken for a plain archive. */
export async function compressionOf(file: string): Promise<Compression> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    const mark = buffer.subarray(0, bytesRead).toString("hex");
    if (mark === "28b52ffd") return "zstd";
    return mark.startsWith("1f8b") ? "gzip" : "none";
  } finally {
    await handle.close();
  }
}

/** Beyond 6 a bundle takes far longer to write and is hardly smaller: see docs/BUNDLES.md. */
const zstdLevel = 6;

/** @returns undefined where nothing is to be done */
export function compressor(compression: Compression): Transform | undefined {
  if (compression === "none") return undefined;
  if (compression === "gzip") return zlib.createGzip({ level: 6 });
  needZstd();
  const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag } = zlib.constants;
  return zlib.createZstdCompress({
    params: { [ZSTD_c_compressionLevel]: zstdLevel, [ZSTD_c_checksumFlag]: 1 },
  });
}

/** @returns undefined where nothing is to be done */
export function decompressor(compression: Compression): Transform | undefined {
  if (compression === "none") return undefined;
  if (compression === "gzip") return zlib.createGunzip();
  needZstd();
  return zlib.createZstdDecompress();
}

/** @throws Error where this Node has no zstd: it came with 22.15 */
function needZstd(): void {
  if (typeof zlib.createZstdCompress === "function") return;
  throw new Error(
    `this Node (${process.version}) has no zstd, which came with 22.15: take a newer one, or a bundle named .tar.gz`,
  );
}
