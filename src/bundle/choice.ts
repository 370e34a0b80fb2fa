import { type FirmwareVersion, imageName } from "../firmware/versions.ts";
import type { ImageDaemon } from "./daemon.ts";

export interface Choice {
  /** The server's image, as the daemon knows it. */
  server: string;
  /** Whether to take the proxy's image where there is one. */
  proxy: boolean;
  /** Names of versions; undefined: all whose image is there. */
  versions: string[] | undefined;
}

export interface ChosenImages {
  /** Names of the versions whose images are among those chosen. */
  versions: string[];
  /** What is saved, by the name it will have on the other daemon: an id or a reference. */
  images: Map<string, string>;
}

const proxyImage = "kiisrv-proxy";

/**
 * The images a bundle is to carry.
 * @throws Error for a version that is not on offer; one whose image is missing is found out when it is saved
 */
export async function chooseImages(
  { server, proxy, versions }: Choice,
  offered: readonly FirmwareVersion[],
  daemon: Pick<ImageDaemon, "find" | "controllers">,
): Promise<ChosenImages> {
  const names = offered.map(({ name }) => name);
  const unknown = versions?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`there is no version ${unknown}; there are ${names.join(", ")}`);

  const images = new Map([["kiisrv-server", server]]);
  if (proxy && (await daemon.find(proxyImage)) !== undefined) images.set(proxyImage, proxyImage);
  const there = await daemon.controllers();
  const taken = offered.filter(
    (version) => versions?.includes(version.name) ?? there.has(imageName(version)),
  );
  for (const image of taken.map(imageName)) images.set(image, there.get(image) ?? image);
  return { versions: taken.map(({ name }) => name), images };
}
