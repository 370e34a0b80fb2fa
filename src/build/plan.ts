import { type Complaint, Problem } from "../errors.ts";
import { type Family, findFamily, toolchainName, unknownBoard } from "../firmware/family.ts";
import { chooseVersion, type FirmwareVersion, imageName } from "../firmware/versions.ts";
import { isObject, type JsonValue } from "../layout/json.ts";
import { baseFileName, boardName, type Dialect, generateKll, type Kll, surplusKeys } from "../layout/kll.ts";
import type { Origins } from "../layout/origins.ts";
import { type BaseLayout, checkHeader, checkLayout, type Layout } from "../layout/schema.ts";
import { buildKey } from "../spec/key.ts";
import { type ArtifactName, artifactName } from "../spec/names.ts";
import type { BuildSpec, Limits } from "../spec/spec.ts";

/** What a layout is planned with; all of it is data or a look-up. */
export interface PlanContext {
  families: readonly Family[];
  versions: readonly FirmwareVersion[];
  limits: Limits;
  baseLayout(fileName: string): BaseLayout | undefined;
  /** The digest of an image by name; null when it is not known. */
  imageDigest(name: string): string | null;
}

export interface PlanRequest {
  document: JsonValue;
  /** The document as it was posted, character for character. */
  documentText: string;
  /** Where the document stands in the request; the paths of complaints begin with it. */
  root: string;
  /** A channel or version name. */
  version: string;
  /** Instead of the version's own. */
  dialect?: Dialect;
  /** Complaints that parsing raised already. */
  complaints: Complaint[];
}

export interface Plan {
  spec: BuildSpec;
  key: string;
  kll: Kll;
  /** By the files' names in the spec. */
  origins: Origins;
  name: ArtifactName;
  layout: Layout;
  version: FirmwareVersion;
  /** The library file the keys were named from. */
  baseFile: string;
  base: BaseLayout;
}

/**
 * Turns a document into a build spec and its key. No I/O but the look-ups of the context.
 * @throws Problem `unknown-version`; `bad-layout` with everything that is wrong with the document
 */
export function planBuild(request: PlanRequest, context: PlanContext): Plan {
  const { document, root } = request;
  const checked = checkLayout(document, root);
  const target = findTarget(request, context);
  const complaints = [...request.complaints, ...(checked.ok ? [] : checked.complaints), ...target.complaints];
  if (!checked.ok || !target.found) throw badLayout(complaints);
  const { family, version, baseFile, base } = target.found;
  const kll = generateKll(checked.value, base, request.dialect ?? version.dialect, root);
  if (!kll.ok) throw badLayout([...request.complaints, ...kll.complaints]);
  if (complaints.length > 0) throw badLayout(complaints);

  const name = imageName(version);
  const spec = family.plan({
    layout: checked.value,
    kll: kll.value.files,
    documentText: request.documentText,
    image: { name, digest: context.imageDigest(name) },
    limits: context.limits,
  });
  const { header } = checked.value;
  return {
    spec,
    key: buildKey(spec),
    kll: kll.value,
    origins: Object.fromEntries(kll.value.files.map((file) => [toolchainName(file), file.origins])),
    name: artifactName(boardName(header), header.Layout),
    layout: checked.value,
    version,
    baseFile,
    base,
  };
}

interface Target {
  family: Family;
  version: FirmwareVersion;
  baseFile: string;
  base: BaseLayout;
}

/**
 * Board, version and base layout. Needs no more than a sound header, so that a document which is wrong elsewhere
 * hears of these mistakes in the same answer.
 */
function findTarget(request: PlanRequest, context: PlanContext): { found?: Target; complaints: Complaint[] } {
  const { document, root } = request;
  const header = checkHeader(isObject(document) ? document.header : undefined, `${root}.header`);
  if (!header.ok) return { complaints: [] };
  const board = boardName(header.value);
  const family = findFamily(context.families, board);
  if (!family) return { complaints: [unknownBoard(context.families, board, root)] };
  const version = chooseVersion(context.versions, request.version, family.name);
  const baseFile = baseFileName(header.value, request.dialect ?? version.dialect);
  const base = context.baseLayout(baseFile);
  if (!base) {
    const message = `there is no base layout '${baseFile}' in the library`;
    return { complaints: [{ path: `${root}.header.Base`, message }] };
  }
  const matrix = isObject(document) && Array.isArray(document.matrix) ? document.matrix : [];
  const complaints = surplusKeys(matrix.length, header.value, base, root);
  return { found: { family, version, baseFile, base }, complaints };
}

function badLayout(complaints: Complaint[]): Problem {
  return new Problem("bad-layout", "the layout cannot be built", { complaints });
}
