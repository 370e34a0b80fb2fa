import { blobPath } from "./layers.ts";
import type { BundledImage } from "./manifest.ts";

/** What `docker load` looks for: which member is what of an image, and what the image will be called. */
export function dockerManifest(images: readonly BundledImage[]): Buffer {
  const list = images.map(({ id, tags, layers }) => ({
    Config: blobPath(id),
    RepoTags: tags,
    Layers: layers.map(blobPath),
  }));
  return Buffer.from(`${JSON.stringify(list)}\n`);
}
