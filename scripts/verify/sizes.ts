import { spawn } from "node:child_process";
import { once } from "node:events";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createGzip, createZstdCompress } from "node:zlib";
import type Docker from "dockerode";

/** A layer of an image: its content's digest, and its size in bytes. */
export interface Layer {
  digest: string;
  bytes: number;
}

/** The layers of an image, the base first. @throws Error if Docker does not tell which size belongs to which */
export async function layersOf(docker: Docker, image: string): Promise<Layer[]> {
  const { RootFS } = await docker.getImage(image).inspect();
  const history: { Size: number }[] = await docker.getImage(image).history();
  return matchLayers(
    RootFS.Layers ?? [],
    history.map(({ Size }) => Size),
  );
}

/** @param sizes of all steps of the image, the last one first; steps that only set something have none */
export function matchLayers(digests: readonly string[], sizes: readonly number[]): Layer[] {
  const filled = sizes.filter((size) => size > 0).reverse();
  if (filled.length !== digests.length) {
    throw new Error(`${digests.length} layers, but ${filled.length} steps that have a size`);
  }
  return digests.map((digest, index) => ({ digest, bytes: filled[index] ?? 0 }));
}

/** What images take together: layers they share are there once. */
export function bytesTogether(images: readonly (readonly Layer[])[]): number {
  const layers = new Map(images.flat().map(({ digest, bytes }) => [digest, bytes]));
  return bytesOf([...layers].map(([digest, bytes]) => ({ digest, bytes })));
}

export function bytesOf(layers: readonly Layer[]): number {
  return layers.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The commands whose archives are measured, each with what does the same here. */
const compressors = {
  gzip: () => createGzip(),
  "zstd -10 --long": () =>
    createZstdCompress({
      params: {
        [constants.ZSTD_c_compressionLevel]: 10,
        [constants.ZSTD_c_windowLog]: 27,
        [constants.ZSTD_c_enableLongDistanceMatching]: 1,
      },
    }),
};

/** How large one archive of all these images is, compressed in some ways. @throws Error if Docker cannot save them */
export async function archiveSizes(images: readonly string[], signal: AbortSignal) {
  const sizes = [];
  for (const [name, compressor] of Object.entries(compressors)) {
    sizes.push({ name, bytes: await savedBytes(images, compressor(), signal) });
  }
  return sizes;
}

async function savedBytes(
  images: readonly string[],
  compressor: NodeJS.ReadWriteStream,
  signal: AbortSignal,
): Promise<number> {
  const child = spawn("docker", ["save", ...images], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "close");
  let bytes = 0;
  const count = new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      done();
    },
  });
  try {
    await pipeline(child.stdout, compressor, count, { signal });
  } finally {
    child.kill();
  }
  const [status] = await ended;
  if (status !== 0) throw new Error(`docker save ended with status ${status}`);
  return bytes;
}
