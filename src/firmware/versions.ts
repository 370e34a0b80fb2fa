import { Problem } from "../errors.ts";
import type { Dialect } from "../layout/kll.ts";

/** A channel (`latest`) or version (`v0.5.7`) that can be asked for: what builds it, in which dialect. */
export interface FirmwareVersion {
  name: string;
  channel: string | null;
  /** Name of the toolchain container, e.g. `controller-057`; its image is `kiisrv-` + container. */
  container: string;
  git_tag: string | null;
  family: string;
  dialect: Dialect;
}

export interface Release {
  commits: number;
  hash: string;
  date: string;
  notes: string;
}

/** What `GET /versions` says of a release. */
export interface ReleaseInfo {
  commit: number;
  date: string;
  hash: string;
  bcd: string;
  notes: string;
}

export const defaultVersion = "latest";

export function imageName(version: FirmwareVersion): string {
  return `kiisrv-${version.container}`;
}

/**
 * The version that builds a family's boards when a client asks for `name`. A family with one version of its own
 * that is no channel of another (the demo) builds with that, whatever the channel.
 *
 * @throws Problem `unknown-version` when there is no such version, or it builds other boards
 */
export function chooseVersion(
  versions: readonly FirmwareVersion[],
  name: string,
  family: string,
): FirmwareVersion {
  const asked = versions.find((version) => version.name === name);
  if (!asked) {
    const known = versions.map((version) => version.name).join(", ");
    throw new Problem("unknown-version", `there is no version '${name.slice(0, 40)}'`, {
      complaints: [{ path: "env", message: `must be one of ${known}` }],
    });
  }
  if (asked.family === family) return asked;
  const own = versions.filter((version) => version.family === family);
  if (own.length === 1 && own[0]) return own[0];
  const names = own.map((version) => version.name).join(", ") || "none";
  throw new Problem(
    "unknown-version",
    `version '${name}' does not build this board; versions that do: ${names}`,
    {
      complaints: [{ path: "env", message: `does not build this board; versions that do: ${names}` }],
    },
  );
}

const label = "kiisrv.release.";

/**
 * The facts of a release: those the image carries as labels (empty where its build was not told), else those of
 * the table.
 * @returns null where neither knows them
 */
export function releaseInfo(
  labels: Readonly<Record<string, string>>,
  known: Release | undefined,
): ReleaseInfo | null {
  const commit = Number(labels[`${label}commit`] || (known?.commits ?? Number.NaN));
  if (!Number.isInteger(commit) || commit < 0) return null;
  return {
    commit,
    date: (labels[`${label}date`] || known?.date) ?? "",
    hash: (labels[`${label}hash`] || known?.hash) ?? "",
    bcd: bcdDevice(commit),
    notes: (labels[`${label}notes`] || known?.notes) ?? "",
  };
}

/** The USB bcdDevice as clients compare it: high and low byte, in decimal up to 99 and in hexadecimal above. */
export function bcdDevice(commit: number): string {
  return [(commit >> 8) & 0xff, commit & 0xff].map((byte) => byte.toString(byte > 99 ? 16 : 10)).join(".");
}
