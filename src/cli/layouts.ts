import { mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import { readConfig } from "../config.ts";
import { LayoutLibrary } from "../layout/library.ts";
import { type BrokenLayout, LayoutListing, type ListedLayout } from "../layout/listing.ts";
import { syncLayouts } from "../layout/sync.ts";
import { type LayoutsSource, SyncedLayouts } from "../layout/synced.ts";
import { fetchLimits, isReference } from "../layout/upstream.ts";
import { lockDirectory } from "../store/lock.ts";
import { type Command, type CommandWorld, usage } from "./command.ts";

/** The public library of the keyboards in the field. */
const publicLibrary = "https://github.com/kiibohd/kiisrv";

const options = { from: { type: "string", default: publicLibrary }, ref: { type: "string" } } as const;

/** `kiisrv layouts`: fetches layouts from elsewhere, and lists what there is. Neither needs, nor disturbs, a server. */
export const layouts: Command = {
  name: "layouts",
  summary: "sync: fetch the layouts of real keyboards; list: what layouts there are",
  help: `kiisrv layouts sync [--from ADDRESS] [--ref REF]
kiisrv layouts list

  sync             fetches a library, checks every file and puts it in force in one step; on any error the one before
                   stays. A server that runs serves it from the next request on.
  --from ADDRESS   URL (https, http, git, ssh, file) or path of a git repository, path of a git bundle or of a
                   plain directory; the layouts are in its folder layouts, else at its top
                   [${publicLibrary}]
  --ref REF        branch, tag or commit [where the repository's HEAD points]

  list             prints the layouts by name, the operator's own (KIISRV_LAYOUTS) and the synced ones`,

  async run(args, world) {
    const [action, ...rest] = args;
    if (action === "sync") return sync(rest, world);
    if (action === "list") return list(rest, world);
    throw usage(action === undefined ? "layouts takes sync or list" : `layouts cannot ${action}`);
  },
};

async function sync(args: string[], { environment, output }: CommandWorld): Promise<void> {
  const { from, ref } = parseArgs({ args, options }).values;
  if (ref !== undefined && !isReference(ref)) throw usage("--ref takes a branch, a tag or a commit");
  const [place] = readConfig(environment).syncedLayouts;
  await mkdir(place, { recursive: true });
  const lock = lockDirectory(place, "another sync is under way; the library is what that one makes it");
  try {
    const source = await syncLayouts({ place, from, ref, environment, limits: fetchLimits });
    output(`synced ${describe(source)}`);
  } finally {
    lock.release();
  }
}

async function list(args: string[], { environment, output }: CommandWorld): Promise<void> {
  if (args.length > 0) throw usage("list takes no arguments");
  const config = readConfig(environment);
  const synced = new SyncedLayouts(...config.syncedLayouts);
  const source = synced.current()?.source;
  output(`own: ${config.layouts}`);
  output(`synced: ${source ? describe(source) : "nothing yet (kiisrv layouts sync)"}`);
  const listed = await new LayoutListing(new LayoutLibrary(config.layouts, synced)).list();
  const width = Math.max(...listed.map(({ name }) => name.length)) + 2;
  for (const layout of listed) output(`  ${layout.name.padEnd(width)}${remark(layout)}`);
}

function describe({ from, ref, commit, date, files }: LayoutsSource): string {
  const revision = [ref, commit?.slice(0, 12)].filter(Boolean).join(" = ");
  return `${files} layouts from ${from}${revision && ` (${revision})`}, ${date}`;
}

function remark(layout: ListedLayout | BrokenLayout): string {
  const alias = layout.alias === undefined ? "" : `, alias of ${layout.alias}`;
  if ("error" in layout) return `broken: ${layout.error}${alias}`;
  const { base, keys, layers } = layout;
  return `${keys} keys, ${layers} layers${base === null ? "" : `, base ${base}`}${alias}`;
}
