import type { KeptArtifact } from "../store/artifacts.ts";
import { coarse } from "./uses.ts";

/** What a cache may hold; 0 stands for no limit. */
export interface CacheLimits {
  bytes: number;
  count: number;
  /** Since it was last used. */
  milliseconds: number;
}

/** The limits of what is kept, each cache by itself. */
export interface KeepLimits {
  /** Zips of builds that succeeded. */
  firmware: CacheLimits;
  /** Zips of builds that failed: their logs. */
  failures: CacheLimits;
  /** Rows of builds whose zip is gone. */
  rows: Omit<CacheLimits, "bytes">;
}

/** An artifact, and when it was last asked for; published, when it never was. Milliseconds since 1970. */
export interface UsedArtifact extends KeptArtifact {
  used: number;
}

/** Outcomes that do not repeat themselves are fetched once, by whoever waited for them. Milliseconds. */
const onceFetched = 24 * 60 * 60 * 1000;

/** Whoever asked for an artifact ten minutes ago may be fetching it just now, and that may not have been noted. Milliseconds. */
const justUsed = 10 * 60 * 1000 + coarse;

/** A name longer than by its key alone is that of an outcome which does not repeat itself. */
const ofItsOwn = /-[0-9a-f]{65,}_error\.zip$/;

/**
 * Which artifacts are to go: outcomes that do not repeat themselves, after a day; then of each cache those least recently
 * used, until what stays keeps to its limits.
 * @param now milliseconds since 1970
 */
export function expired(
  artifacts: readonly UsedArtifact[],
  limits: Pick<KeepLimits, "firmware" | "failures">,
  now: number,
): UsedArtifact[] {
  const isOver = ({ name, published }: UsedArtifact) => ofItsOwn.test(name) && now - published > onceFetched;
  const rest = artifacts.filter((artifact) => !isOver(artifact));
  return [
    ...artifacts.filter(isOver),
    ...beyond(rest.filter(isFirmware), limits.firmware, now),
    ...beyond(
      rest.filter((artifact) => !isFirmware(artifact)),
      limits.failures,
      now,
    ),
  ];
}

function isFirmware({ name }: KeptArtifact): boolean {
  return !name.endsWith("_error.zip");
}

function beyond(artifacts: readonly UsedArtifact[], limits: CacheLimits, now: number): UsedArtifact[] {
  const gone: UsedArtifact[] = [];
  let count = artifacts.length;
  let bytes = sum(artifacts);
  for (const artifact of evictable(artifacts, now)) {
    const isOver = (value: number, limit: number) => limit > 0 && value > limit;
    const unused = now - artifact.used;
    if (!isOver(bytes, limits.bytes) && !isOver(count, limits.count) && !isOver(unused, limits.milliseconds))
      break;
    gone.push(artifact);
    bytes -= artifact.bytes;
    count--;
  }
  return gone;
}

/**
 * Which artifacts to give up for room on the disk, the least recently used first; none when all of them would not do.
 * @param now milliseconds since 1970
 */
export function sacrifice(
  artifacts: readonly UsedArtifact[],
  needed: { bytes: number; files: number },
  now: number,
): UsedArtifact[] {
  const gone: UsedArtifact[] = [];
  let bytes = 0;
  for (const artifact of evictable(artifacts, now)) {
    if (bytes >= needed.bytes && gone.length >= needed.files) return gone;
    gone.push(artifact);
    bytes += artifact.bytes;
  }
  return bytes >= needed.bytes && gone.length >= needed.files ? gone : [];
}

/** Those that nobody may be fetching just now, the least recently used first. */
function evictable(artifacts: readonly UsedArtifact[], now: number): UsedArtifact[] {
  return artifacts.filter(({ used }) => now - used >= justUsed).sort((a, b) => a.used - b.used);
}

/** Bytes. */
export function sum(artifacts: readonly KeptArtifact[]): number {
  return artifacts.reduce((bytes, artifact) => bytes + artifact.bytes, 0);
}
