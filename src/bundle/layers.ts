/** Where the archive has the bytes of an image's configuration or layer. */
export function blobPath(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

/**
 * A daemon keeps a layer by what it and all layers below it hold. So each beginning of an image's list of layers has a name.
 * @param layers diff ids, the lowest first
 * @returns one name a layer, in their order
 */
export function chains(layers: readonly string[]): string[] {
  return layers.map((_, index) => layers.slice(0, index + 1).join(" "));
}

/** The layers of an image that a daemon with these chains lacks. */
export function lackingLayers(layers: readonly string[], present: ReadonlySet<string>): string[] {
  const names = chains(layers);
  return layers.filter((_, index) => !present.has(names[index] ?? ""));
}
