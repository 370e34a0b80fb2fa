import type { BuildSpec, Limits } from "../spec/spec.ts";
import { type Placement, waitingOptions } from "./container.ts";
import type { PinnedImage } from "./containers.ts";
import type { Kind } from "./warmth.ts";

/** A kind of container, with what it takes to start one. */
export interface WarmKind extends Kind {
  pinned: PinnedImage;
  limits: Limits;
}

/**
 * The kind a build needs. Two builds are of one kind if the same container could wait for either, down to the last of its
 * options; only its directories are its own.
 */
export function kindOf({ image, limits }: BuildSpec, pinned: PinnedImage, place: Placement): WarmKind {
  const anywhere = { ...place, id: "", inputs: "", outputs: "" };
  const key = JSON.stringify(waitingOptions(limits, anywhere));
  return { key, image: { name: image.name, digest: pinned.digest }, pinned, limits };
}
