import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { readAddress } from "./address.ts";
import { putInForce, removeOld, unfinished, writeLibrary } from "./install.ts";
import { readPlainDirectory } from "./plainDirectory.ts";
import { type LayoutsSource, syncedNames } from "./synced.ts";
import { type Fetched, type FetchLimits, fetchUpstream } from "./upstream.ts";
import { checkFolder } from "./upstreamFolder.ts";

export interface SyncOrder {
  /** Directory of the synced libraries; the caller must be alone in it. */
  place: string;
  /** URL or path of a repository, a bundle, or a plain directory. */
  from: string;
  /** Branch, tag or commit; undefined: where the repository's HEAD points. */
  ref: string | undefined;
  environment: Readonly<Record<string, string | undefined>>;
  limits: FetchLimits;
}

/**
 * Fetches a library, checks all of it and puts it in force by replacing one link: until then, and whenever anything
 * fails, the one before stays. That one is kept until the next sync, for whoever is reading it.
 *
 * @throws Problem `bad-layout` with everything that is wrong in the library; Error for the operator
 */
export async function syncLayouts(order: SyncOrder): Promise<LayoutsSource> {
  await removeOld(order.place);
  const work = await mkdtemp(join(order.place, unfinished));
  try {
    const { shown, commit, folder, entries } = await openUpstream(order, work);
    const checked = await checkFolder(entries);
    const source: LayoutsSource = {
      from: shown,
      ref: order.ref ?? null,
      commit,
      folder,
      date: new Date().toISOString(),
      files: entries.length,
    };
    await writeLibrary(work, checked, source);
    await putInForce(order.place, work, commit?.slice(0, 12) ?? "directory");
    return source;
  } finally {
    await rm(work, { recursive: true, force: true, maxRetries: 3 });
  }
}

type Upstream = Omit<Fetched, "commit"> & { commit: string | null; shown: string };

async function openUpstream(order: SyncOrder, work: string): Promise<Upstream> {
  const address = readAddress(order.from);
  const { location, shown, kind } = address;
  if (kind === "directory") {
    if (order.ref !== undefined) throw new Error(`${shown} is no repository: there is no ref in it`);
    return { shown, commit: null, folder: "", entries: await readPlainDirectory(location) };
  }
  const repository = join(work, syncedNames.repository);
  await mkdir(repository);
  return { shown, ...(await fetchUpstream({ ...order, address, repository })) };
}
