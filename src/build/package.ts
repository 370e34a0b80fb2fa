import { ZipArchive } from "archiver";
import type { Complaint } from "../errors.ts";
import type { OutputFile } from "../runner/runner.ts";
import type { InputFile } from "../spec/spec.ts";

export interface PackageContent {
  /** What the build left; relative paths with `/`. */
  outputs: readonly OutputFile[];
  /** What the build was made from: the posted document and the KLL files. */
  files: readonly InputFile[];
  /** The run's log, for builds that write none of their own. */
  log: string;
  /** Put before the log, whoever wrote it; lines. */
  summary: readonly string[];
  /** What is wrong with the layout, as the answer tells it; null for a build that succeeded. */
  failure: { reason: string; errors: readonly Complaint[] } | null;
}

type Entry = readonly [path: string, bytes: Buffer];

const buildLog = "log/build.log";
const errorList = "log/errors.json";
/** What every unpacking tool, on any system, takes for the same plain relative path. */
const plainPath = /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[\w.+@=,-][\w.+@=, -]*(?:\/[\w.+@=,-][\w.+@=, -]*)*$/;

/**
 * Packs a build as clients expect it: outputs, document and KLL files at the top, the KLL files under `kll/` once more,
 * headers and logs under `log/`, always `log/build.log`, and `log/errors.json` when the build failed.
 *
 * Outputs are hostile: one that would take the place of the document, a KLL file or another output, or whose name is no
 * plain relative path, is left out. The same content gives the same bytes, whatever its order and the time zone.
 */
export async function packageBuild(content: PackageContent): Promise<Buffer> {
  return zip(arrange(content).sort(byPath));
}

function arrange({ outputs, files, log, summary, failure }: PackageContent): Entry[] {
  const inputs = files.flatMap(({ name, text }): Entry[] => {
    const bytes = Buffer.from(text);
    return name.endsWith(".kll")
      ? [
          [name, bytes],
          [`kll/${name}`, bytes],
        ]
      : [[name, bytes]];
  });
  const written = outputs.map(({ name, bytes }): Entry => [name, bytes]).sort(byPath);
  const inPlace = written.filter(([path]) => placeOf(path) === path);
  const moved = written
    .filter(([path]) => placeOf(path) !== path)
    .map(([path, bytes]): Entry => [placeOf(path), bytes]);
  const [ownLog] = [...inPlace, ...moved].filter(([path]) => path === buildLog);
  const wholeLog = headed(summary, ownLog?.[1] ?? Buffer.from(log));
  const findings: Entry[] = failure ? [[errorList, jsonFile(failure)]] : [];
  const reserved = new Places();
  for (const [path] of inputs) reserved.claim(path.toLowerCase());
  const taken = new Places();
  // The first to claim a place keeps it. The inputs' places are kept on file systems that ignore case, too.
  const rest = [[buildLog, wholeLog] as const, ...findings, ...inPlace, ...moved].filter(
    ([path]) => plainPath.test(path) && reserved.free(path.toLowerCase()) && taken.claim(path),
  );
  return [...inputs, ...rest];
}

/** A log below what is to be read first. */
function headed(summary: readonly string[], log: Buffer): Buffer {
  return summary.length === 0 ? log : Buffer.concat([Buffer.from(`${summary.join("\n")}\n\n`), log]);
}

function jsonFile(value: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(value, null, 2)}\n`);
}

/** Where an output goes: headers and logs under `log/`, all others where the build put them. */
function placeOf(path: string): string {
  return /\.(h|log)$/.test(path) && !path.startsWith("log/") ? `log/${path}` : path;
}

/** The paths of a tree: no two files at one, and no file where another's directory stands. */
class Places {
  readonly #files = new Set<string>();
  readonly #directories = new Set<string>();

  free(path: string): boolean {
    return (
      !this.#files.has(path) &&
      !this.#directories.has(path) &&
      !parentsOf(path).some((parent) => this.#files.has(parent))
    );
  }

  /** Takes a place if it is free; says whether it was. */
  claim(path: string): boolean {
    if (!this.free(path)) return false;
    this.#files.add(path);
    for (const parent of parentsOf(path)) this.#directories.add(parent);
    return true;
  }
}

/** `a/b/c` -> `a`, `a/b`. */
function parentsOf(path: string): string[] {
  return [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index));
}

function byPath([a]: Entry, [b]: Entry): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

async function zip(entries: readonly Entry[]): Promise<Buffer> {
  const archive = new ZipArchive({ zlib: { level: 6 }, forceLocalTime: false });
  // 1980 is as early as the format goes.
  const date = new Date(Date.UTC(1980, 0, 1));
  for (const [name, bytes] of entries) archive.append(bytes, { name, date, mode: 0o644 });
  const [chunks] = await Promise.all([archive.toArray(), archive.finalize()]);
  return Buffer.concat(chunks);
}
