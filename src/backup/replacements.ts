import { cp, lstat, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { syncPath } from "../store/durable.ts";
import { errorCode } from "../store/faults.ts";

const schema = z.array(z.strictObject({ from: z.string(), to: z.string(), keep: z.string().optional() }));

/**
 * A file outside of the data directory that waits beside its place, and the place; `keep` is where a copy of what is there
 * now goes. All paths are absolute.
 */
export type Replacement = z.output<typeof schema>[number];

const listName = "replacements.json";

/** Writes down what is to be done once a state counts; the list is a part of that state. */
export async function noteReplacements(state: string, replacements: readonly Replacement[]): Promise<void> {
  await writeFile(join(state, listName), JSON.stringify(replacements), { flush: true });
}

/**
 * Does what was written down, as far as it is not done yet, and strikes the list. Between a crash and this an operator may
 * have removed some of it; that must not keep the rest from its place.
 */
export async function carryOutReplacements(state: string): Promise<void> {
  const list = join(state, listName);
  const replacements = schema.parse(JSON.parse((await unlessMissing(readFile(list, "utf8"))) ?? "[]"));
  for (const replacement of replacements) await carryOut(replacement);
  for (const directory of new Set(replacements.map(({ to }) => dirname(to))))
    await unlessMissing(syncPath(directory));
  await rm(list, { force: true });
}

/** Renaming comes last, so what still waits was not replaced, and its predecessor can be copied once more. */
async function carryOut({ from, to, keep }: Replacement): Promise<void> {
  if ((await unlessMissing(lstat(from))) === undefined) return;
  if (keep !== undefined) {
    await mkdir(dirname(keep), { recursive: true, mode: 0o700 });
    await rm(keep, { force: true });
    await unlessMissing(cp(to, keep, { verbatimSymlinks: true }));
  }
  await rename(from, to);
}

async function unlessMissing<Found>(looking: Promise<Found>): Promise<Found | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
