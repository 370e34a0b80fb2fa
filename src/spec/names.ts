/**
 * The parts of a published file name, `{board}-{layout}-{hash}.zip`. Clients split it at the last two hyphens,
 * so the layout part holds none; neither part holds a space.
 */
export interface ArtifactName {
  board: string;
  layout: string;
}

export function artifactName(board: string, layout: string): ArtifactName {
  return { board: board.replaceAll(" ", "_"), layout: layout.replace(/[ -]/g, "_") };
}

/** The posted document's name in the zip: clients look it up by the two parts of the zip's own name. */
export function documentFileName({ board, layout }: ArtifactName): string {
  return `${board}-${layout}.json`;
}

/** @param hash hex digits only */
export function zipFileName({ board, layout }: ArtifactName, hash: string, success: boolean): string {
  return `${board}-${layout}-${hash}${success ? "" : "_error"}.zip`;
}
