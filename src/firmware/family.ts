import type { Complaint } from "../errors.ts";
import { boardName, type KllFile, variantName } from "../layout/kll.ts";
import type { Layout } from "../layout/schema.ts";
import { artifactName, documentFileName } from "../spec/names.ts";
import type { BuildSpec, Limits } from "../spec/spec.ts";

/** What a family is given to plan a build from. */
export interface PlanInput {
  layout: Layout;
  kll: KllFile[];
  /** The posted document as it came. */
  documentText: string;
  image: BuildSpec["image"];
  limits: Limits;
}

/** A family is a way from a layout to a build spec, for the boards it knows. */
export interface Family {
  readonly name: string;
  /** The boards as people write them; look-ups ignore case. */
  readonly boards: readonly string[];
  /** Boards that exist and cannot be built, in lower case, each with the reason. */
  readonly refused?: Readonly<Record<string, string>>;
  plan(input: PlanInput): BuildSpec;
}

export function findFamily(families: readonly Family[], layoutBoard: string): Family | undefined {
  const wanted = layoutBoard.toLowerCase();
  return families.find((family) => family.boards.some((board) => board.toLowerCase() === wanted));
}

/** The complaint about a board that no family builds. */
export function unknownBoard(families: readonly Family[], board: string, root: string): Complaint {
  const refusals = families.flatMap(({ refused = {} }) => Object.entries(refused));
  const refusal = refusals.find(([name]) => name === board.toLowerCase());
  if (refusal) return { path: `${root}.header.Name`, message: `${board} cannot be built: ${refusal[1]}` };
  const known = families.flatMap((family) => family.boards).join(", ");
  return { path: `${root}.header.Name`, message: `unknown board '${board}'; known are ${known}` };
}

/** What the build scripts of a board need to know, beyond the layout. */
export interface BoardBuild {
  script: string;
  /** Maps of the firmware that come before the layout's own layer 0. */
  extraMaps: string;
  split: boolean;
  outputs: string[];
}

/** The spec every family shares: the environment and arguments of the controller images in the field. */
export function containerSpec(build: BoardBuild, input: PlanInput): BuildSpec {
  const { header } = input.layout;
  const files = input.kll.map((file) => ({ name: toolchainName(file), text: file.text }));
  const [base, ...partials] = files.map((file) => file.name.slice(0, -".kll".length));
  const document = documentFileName(artifactName(boardName(header), header.Layout));
  return {
    contract: 1,
    image: input.image,
    command: [build.script],
    environment: {
      DefaultMapOverride: `${build.extraMaps} ${base}`,
      PartialMapsExpandedOverride: partials.join(";"),
      Layout: variantName(header),
      ...(build.split ? { SPLIT_KEYBOARD: "1" } : {}),
    },
    files: [...files, { name: document, text: input.documentText }],
    document,
    limits: input.limits,
    outputs: build.outputs,
  };
}

/** A KLL file's name in the spec: lists of maps are separated by spaces, so a map's own name cannot hold one. */
export function toolchainName(file: KllFile): string {
  return file.name.replaceAll(" ", "_");
}
