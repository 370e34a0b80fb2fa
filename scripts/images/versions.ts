/** A version of the kiibohd controller that an image is made of: a row of controllers/kiibohd/versions. */
export interface ControllerVersion {
  /** What the image's name ends with: `057`. */
  name: string;
  tag: string;
  /** The release of kll it goes with. */
  kll: string;
  /** How many commits there are up to the tag. */
  commits: string;
  /** The tag's commit, 40 hex digits. */
  commit: string;
  /** When that was written, as git prints it. */
  date: string;
}

const row = /^(\S+) (\S+) (\S+) (\d+) ([0-9a-f]{40}) (\S.*)$/;

/**
 * Reads the table of versions: a line each, `#` begins a line of comment.
 * @throws Error that names the first line that is no row, or a name that comes twice
 */
export function parseVersions(text: string): ControllerVersion[] {
  const versions = new Map<string, ControllerVersion>();
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const [, name = "", tag = "", kll = "", commits = "", commit = "", date = ""] = row.exec(line) ?? [];
    if (name === "") throw new Error(`line ${index + 1} of the versions is none: ${line}`);
    if (versions.has(name)) throw new Error(`line ${index + 1} of the versions: ${name} was there already`);
    versions.set(name, { name, tag, kll, commits, commit, date });
  }
  return [...versions.values()];
}

/**
 * The versions asked for by name or tag, in the table's order; all, if none is named.
 * @throws Error for one there is none of
 */
export function chooseVersions(
  versions: readonly ControllerVersion[],
  wanted: readonly string[],
): ControllerVersion[] {
  const isMeant = ({ name, tag }: ControllerVersion, word: string) => word === name || word === tag;
  const unknown = wanted.filter((word) => !versions.some((version) => isMeant(version, word)));
  if (unknown.length > 0) {
    const names = versions.map(({ name }) => name).join(", ");
    throw new Error(`there is no version ${unknown.join(", ")}; there are ${names}`);
  }
  return versions.filter((version) => wanted.length === 0 || wanted.some((word) => isMeant(version, word)));
}

export function controllerImage({ name }: Pick<ControllerVersion, "name">): string {
  return `kiisrv-controller-${name}`;
}
