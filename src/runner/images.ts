import type { ImageInfo } from "dockerode";
import type { ToolchainImage } from "./runner.ts";

/**
 * How an image hands over its outputs: `files`, plain files in /mnt/builds; or `zip`, as the images in the field
 * do, which pack the archive themselves. Ours say so by their label.
 */
export type OutputContract = "files" | "zip";

export const contractLabel = "kiisrv.contract";

export function outputContract(labels: Readonly<Record<string, string>>): OutputContract {
  return labels[contractLabel] === "files" ? "files" : "zip";
}

export const warmLabel = "kiisrv.warm";

/** Whether containers of an image can be started before there is a build, to wait for it on their standard input. */
export function canWait(labels: Readonly<Record<string, string>>): boolean {
  return labels[warmLabel] === "stdin" && outputContract(labels) === "files";
}

export const doneLabel = "kiisrv.done";

/** Whether an image says by its last word that its outputs are there, see `lastWord.ts`. */
export function hasLastWord(labels: Readonly<Record<string, string>>): boolean {
  return labels[doneLabel] === "log" && outputContract(labels) === "files";
}

/** The controller images among all those on the daemon: one a name, its tag `latest` before its newest. */
export function controllerImages(images: readonly ImageInfo[]): ToolchainImage[] {
  const best = new Map<string, { image: ImageInfo; latest: boolean }>();
  for (const image of images) {
    for (const reference of image.RepoTags ?? []) {
      const { name, tag } = parseReference(reference);
      if (!isController(name, image.Labels ?? {})) continue;
      const candidate = { image, latest: tag === "latest" };
      const rival = best.get(name);
      if (rival === undefined || isBetter(candidate, rival)) best.set(name, candidate);
    }
  }
  return [...best]
    .map(([name, { image }]) => ({ name, digest: image.Id, labels: image.Labels ?? {} }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface Candidate {
  image: ImageInfo;
  latest: boolean;
}

function isBetter(a: Candidate, b: Candidate): boolean {
  return a.latest === b.latest ? a.image.Created > b.image.Created : a.latest;
}

function isController(name: string, labels: Readonly<Record<string, string>>): boolean {
  if (name === "<none>") return false;
  return contractLabel in labels || /^kiisrv-controller-./.test(name);
}

/**
 * `ghcr.io:443/x/kiisrv-controller-057:1.2` -> `kiisrv-controller-057`, `1.2`. Compose 1 joined project and
 * service with an underscore (`kiisrv_controller-057`): the same image under an older name.
 */
function parseReference(reference: string): { name: string; tag: string } {
  const last = reference.slice(reference.lastIndexOf("/") + 1);
  const [repository = "", tag = ""] = last.split(":");
  return { name: repository.replace(/^kiisrv_controller-/, "kiisrv-controller-"), tag };
}
