import { imageName, type ReleaseInfo, releaseInfo } from "../firmware/versions.ts";
import type { VersionStore } from "../store/versions.ts";
import type { ImageCatalog } from "./catalog.ts";

/** The versions whose image is installed, by name, with what is known of each release. */
export async function offeredVersions(
  versions: VersionStore,
  catalog: ImageCatalog,
): Promise<Record<string, ReleaseInfo | null>> {
  await catalog.current();
  const offered: Record<string, ReleaseInfo | null> = {};
  for (const version of versions.all()) {
    const image = catalog.find(imageName(version));
    if (!image) continue;
    offered[version.name] = releaseInfo(image.labels, versions.release(version.git_tag ?? ""));
  }
  return offered;
}
