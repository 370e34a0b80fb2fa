import { existsSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import querystring from "node:querystring";

/** Where layouts are fetched from. */
export interface UpstreamAddress {
  /** As git, or the file system, takes it; may hold credentials. */
  location: string;
  /** The same for people and files: without credentials. */
  shown: string;
  /** A plain directory is read as it is; anything else by git. */
  kind: "git" | "directory";
}

/** What git may fetch by. Left out are `ext::` and the like, which run commands. */
export const protocols = ["https", "http", "git", "ssh", "file"];

/** `host:path`, with or without a user, as ssh takes it. */
const sshAddress = /^(?:[A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9][A-Za-z0-9.-]*:(?!:)[^\s]+$/;

/**
 * Finds out what `from` is: a path that exists (a repository, a bundle or a plain directory), or a URL.
 * @throws Error for the operator
 */
export function readAddress(from: string): UpstreamAddress {
  if (/\p{Cc}/u.test(from)) throw new Error("the address of the library holds control characters");
  if (existsSync(from)) {
    const location = realpathSync.native(from);
    const plain = statSync(location).isDirectory() && !isRepository(location);
    return { location, shown: location, kind: plain ? "directory" : "git" };
  }
  const url = /^([a-z]+):\/\//i.exec(from);
  if (url) return readUrl(from, url[1]?.toLowerCase() ?? "");
  if (sshAddress.test(from)) return { location: from, shown: from, kind: "git" };
  throw new Error(`there is no '${from.slice(0, 200)}' here, and it is no URL`);
}

/** Takes credentials out of what git says of an address. */
export function withoutCredentials(text: string, { location, shown }: UpstreamAddress): string {
  const secrets = URL.canParse(location) ? secretsOf(new URL(location)) : [];
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, "***"), text.replaceAll(location, shown));
}

function readUrl(from: string, protocol: string): UpstreamAddress {
  if (!protocols.includes(protocol) || !URL.canParse(from)) {
    throw new Error(`layouts are fetched by ${protocols.join(", ")} only, from a URL that is whole`);
  }
  const shown = new URL(from);
  shown.username = shown.username === "git" ? "git" : "";
  shown.password = "";
  shown.search = "";
  shown.hash = "";
  return { location: from, shown: shown.href, kind: "git" };
}

function secretsOf({ username, password, search }: URL): string[] {
  const written = [password, username === "git" ? "" : username, search.slice(1)];
  return [...written, ...written.map((text) => querystring.unescape(text))].filter((secret) => secret !== "");
}

function isRepository(directory: string): boolean {
  const has = (...names: string[]) => names.every((name) => existsSync(join(directory, name)));
  return has(".git") || has("HEAD", "objects", "refs");
}
