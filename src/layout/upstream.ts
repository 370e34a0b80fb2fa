import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { GitError, GitPluginError, type SimpleGit } from "simple-git";
import { type UpstreamAddress, withoutCredentials } from "./address.ts";
import type { UpstreamEntry } from "./upstreamFolder.ts";
import { openUpstreamGit } from "./upstreamGit.ts";

/** How long, and how much of it, somebody else's repository may be. */
export interface FetchLimits {
  /** git that says nothing for so long is stopped, milliseconds. */
  silence: number;
  /** All of it, milliseconds. */
  time: number;
  /** Size of what is fetched, bytes. */
  bytes: number;
}

export const fetchLimits: FetchLimits = { silence: 60_000, time: 600_000, bytes: 256 * 1024 * 1024 };

/** A commit of a repository that was fetched. */
export interface Fetched {
  commit: string;
  /** Where in it the layouts are; empty: at its top. */
  folder: string;
  entries: UpstreamEntry[];
}

export interface FetchOrder {
  address: UpstreamAddress;
  /** Branch, tag or commit. */
  ref: string | undefined;
  /** An empty directory, which becomes a bare repository with the whole history. */
  repository: string;
  environment: Readonly<Record<string, string | undefined>>;
  limits: FetchLimits;
}

/** A branch, tag or commit, and nothing that git would take for an option, a range or a search. */
const reference = /^[A-Za-z0-9](?!.*\.\.)[A-Za-z0-9._/-]{0,199}$/;

export function isReference(ref: string): boolean {
  return reference.test(ref);
}

/**
 * Fetches a repository and finds the layouts of a commit in it. Nothing is ever checked out, so that its attributes,
 * filters, hooks, submodules and links stay mere data.
 * @throws Error for the operator
 */
export async function fetchUpstream(order: FetchOrder): Promise<Fetched> {
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(order.limits.time)]);
  const scale = watchSize(order, stop);
  try {
    const git = openUpstreamGit({ ...gitOptions(order), signal });
    await git.raw(["init", "--quiet", "--bare", "."]);
    const hasHead = await fetchAll(git, order.address);
    if (isTooLarge(order)) stop.abort();
    const commit = await findCommit(git, order.ref, hasHead);
    await git.raw(["update-ref", "--no-deref", "HEAD", commit]);
    const folder = (await hasFolder(git, commit)) ? layoutFolder : "";
    return { commit, folder, entries: await listEntries(order, `${commit}:${folder}`) };
  } catch (error) {
    throw explain(error, order, signal);
  } finally {
    clearInterval(scale);
  }
}

const layoutFolder = "layouts";

/** Whether the repository has a HEAD, which a bundle may lack. */
async function fetchAll(git: SimpleGit, { location }: UpstreamAddress): Promise<boolean> {
  const advertised = await git.raw(["ls-remote", "--", location, "HEAD"]);
  const hasHead = advertised.split("\n").some((line) => line.endsWith("\tHEAD"));
  const refs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
  if (hasHead) refs.push(`+HEAD:${headRef}`);
  const options = ["--progress", "--no-tags", "--no-write-fetch-head", "--update-shallow"];
  await git.raw(["fetch", ...options, "--", location, ...refs]);
  return hasHead;
}

const headRef = "refs/kiisrv/head";

async function findCommit(git: SimpleGit, ref: string | undefined, hasHead: boolean): Promise<string> {
  const wanted = ref === undefined || ref === "HEAD" ? headRef : ref;
  if (wanted === headRef && !hasHead) {
    throw new Error("the repository does not say which of its branches is meant; name one with --ref");
  }
  try {
    return (await git.raw(["rev-parse", "--verify", "--end-of-options", `${wanted}^{commit}`])).trim();
  } catch (error) {
    if (!(error instanceof GitError) || error instanceof GitPluginError) throw error;
    throw new Error(`the repository has no branch or tag '${wanted}', nor such a commit on any of them`);
  }
}

async function hasFolder(git: SimpleGit, commit: string): Promise<boolean> {
  return (await git.raw(["ls-tree", commit, "--", layoutFolder])).startsWith("040000 tree ");
}

async function listEntries(order: FetchOrder, tree: string): Promise<UpstreamEntry[]> {
  // Not that of the fetch: its time is over some day, and these are read later.
  const git = openUpstreamGit(gitOptions(order));
  const listing = await git.raw(["ls-tree", "-z", "--long", tree]);
  return listing.split("\0").flatMap((line) => {
    const [, mode, object = "", bytes, name = ""] =
      /^(\d+) \w+ ([0-9a-f]+) +(\d+|-)\t(.*)$/s.exec(line) ?? [];
    if (!name.endsWith(".json")) return [];
    const kind = mode === "120000" ? "link" : mode?.startsWith("100") ? "file" : "other";
    const read = async () => Buffer.from(await git.showBuffer(["--no-textconv", object]));
    return [{ name, kind, bytes: Number(bytes) || 0, read }];
  });
}

function gitOptions({ repository, environment, limits }: FetchOrder) {
  return { directory: repository, environment, silence: limits.silence };
}

/** git itself takes as much as it is sent. */
function watchSize(order: FetchOrder, stop: AbortController): NodeJS.Timeout {
  return setInterval(() => {
    if (isTooLarge(order)) stop.abort();
  }, 100);
}

function isTooLarge({ repository, limits }: FetchOrder): boolean {
  const packs = join(repository, "objects/pack");
  return existsSync(packs) && sizeOf(packs) > limits.bytes;
}

function sizeOf(directory: string): number {
  const sizes = readdirSync(directory).map((name) =>
    statSync(join(directory, name), { throwIfNoEntry: false }),
  );
  return sizes.reduce((sum, stat) => sum + (stat?.size ?? 0), 0);
}

/** In words for the operator. git's own error is no part of it: it holds the credentials of the address. */
function explain(error: unknown, { address, limits }: FetchOrder, signal: AbortSignal): Error {
  const failed = (reason: string) => new Error(`${address.shown} cannot be fetched: ${reason}`);
  if (signal.aborted) {
    const late = signal.reason instanceof DOMException && signal.reason.name === "TimeoutError";
    return failed(
      late ? `it takes more than ${limits.time / 1000} s` : `it has more than ${limits.bytes} bytes`,
    );
  }
  if (error instanceof GitPluginError && error.plugin === "timeout") {
    return failed(`nothing came for ${limits.silence / 1000} s`);
  }
  const words = error instanceof Error ? lastWords(error.message) : String(error);
  // Trusting it all the same would let its configuration run commands here.
  if (words.includes("detected dubious ownership")) {
    return failed("it belongs to another user; give a git bundle of it, or sync as that user");
  }
  return failed(withoutCredentials(words, address));
}

/** Of git's messages those that are not about its progress. */
function lastWords(message: string): string {
  const lines = message.split(/[\r\n]+/).filter((line) => line.trim() !== "");
  const telling = lines.filter((line) => /^(?:fatal|error|remote|ssh|warning):/.test(line));
  const words = (telling.length > 0 ? telling : lines).slice(-5).join("; ");
  return words.slice(0, 1000).replace(/\p{Cc}/gu, "?");
}
