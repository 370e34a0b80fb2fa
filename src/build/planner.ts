import { hash } from "node:crypto";
import type { Complaint } from "../errors.ts";
import type { Family } from "../firmware/family.ts";
import { type FirmwareVersion, imageName } from "../firmware/versions.ts";
import type { LayoutLibrary } from "../layout/library.ts";
import type { Origins } from "../layout/origins.ts";
import type { BaseLayout } from "../layout/schema.ts";
import type { ArtifactName } from "../spec/names.ts";
import type { BuildSpec, Limits } from "../spec/spec.ts";
import type { ImageCatalog } from "./catalog.ts";
import { planBuild } from "./plan.ts";
import { parseBuildRequest } from "./request.ts";

/** What is known of a request without its spec. */
export interface PlanSummary {
  key: string;
  name: ArtifactName;
  /** What the statistics call the variant: the layout's name, as the predecessor counted it. */
  variant: string;
  layers: number;
  version: FirmwareVersion;
  /** What of the layout was left out on purpose. */
  warnings: Complaint[];
}

export interface PlannedBuild extends PlanSummary {
  spec: BuildSpec;
  origins: Origins;
}

interface Remembered {
  summary: PlanSummary;
  digest: string;
  baseFile: string;
  base: BaseLayout;
}

export interface PlannerParts {
  families: readonly Family[];
  versions(): readonly FirmwareVersion[];
  library: LayoutLibrary;
  catalog: ImageCatalog;
  limits: Limits;
}

/** Documents whose plan is remembered. A summary is small; the bodies themselves are not kept. */
const remembered = 2000;

/**
 * Plans what clients post. The summary of a body that was planned before is remembered by the hash of its bytes,
 * for as long as the image and the base layout are the same.
 */
export class Planner {
  readonly #parts: PlannerParts;
  readonly #memory = new Map<string, Remembered>();
  #versionsText = "";

  constructor(parts: PlannerParts) {
    this.#parts = parts;
  }

  /** @returns undefined when this body has to be planned */
  recall(body: Uint8Array): PlanSummary | undefined {
    this.#forgetOldVersions();
    const id = bodyHash(body);
    const known = this.#memory.get(id);
    if (!known) return undefined;
    this.#memory.delete(id);
    const { catalog, library } = this.#parts;
    const current =
      catalog.find(imageName(known.summary.version))?.digest === known.digest &&
      library.base(known.baseFile) === known.base;
    if (!current) return undefined;
    this.#memory.set(id, known);
    return known.summary;
  }

  /**
   * @throws Problem `bad-json`, `bad-request`, `unknown-version`, `bad-layout`, `image-missing`, `runner-unavailable`
   */
  plan(body: Uint8Array): PlannedBuild {
    const { families, versions, library, catalog, limits } = this.#parts;
    const plan = planBuild(parseBuildRequest(body), {
      families,
      versions: versions(),
      limits,
      baseLayout: (fileName) => library.base(fileName),
      imageDigest: (name) => catalog.require(name).digest,
    });
    const { key, name, version, spec, origins, layout, kll, baseFile, base } = plan;
    const { files, warnings } = kll;
    const summary = {
      key,
      name,
      variant: layout.header.Layout.replaceAll(" ", "_"),
      layers: files.length,
      version,
      warnings,
    };
    const digest = spec.image.digest;
    if (digest !== null) this.#remember(bodyHash(body), { summary, digest, baseFile, base });
    return { ...summary, spec, origins };
  }

  /** An operator may point a channel elsewhere while the server runs. */
  #forgetOldVersions(): void {
    const text = JSON.stringify(this.#parts.versions());
    if (text !== this.#versionsText) this.#memory.clear();
    this.#versionsText = text;
  }

  /** Keeps a copy: a name is a piece of the body's text, and would keep the whole of it in memory. */
  #remember(id: string, { base, ...plan }: Remembered): void {
    this.#memory.set(id, { ...structuredClone(plan), base });
    const [oldest] = this.#memory.keys();
    if (this.#memory.size > remembered && oldest !== undefined) this.#memory.delete(oldest);
  }
}

function bodyHash(body: Uint8Array): string {
  return hash("sha256", body, "base64");
}
