import { type SimpleGit, simpleGit } from "simple-git";
import { protocols } from "./address.ts";

/** What git may know of our environment: the way to other hosts, and who the operator is there. */
const passedOn = /^(?:PATH|HOME|SSH_AUTH_SOCK|SSL_CERT_(?:FILE|DIR)|(?:https?|all|no)_proxy|TMPDIR)$/i;

/** Asks nobody anything, and speaks English. */
const ownEnvironment = {
  GIT_TERMINAL_PROMPT: "0",
  GIT_ALLOW_PROTOCOL: protocols.join(":"),
  GIT_SSH_COMMAND: "ssh -oBatchMode=yes",
  LC_ALL: "C",
};

/** Everything goes into one pack, whose size is watched; nothing goes on in the background; no hook is run. */
const configuration = [
  "fetch.unpackLimit=1",
  "fetch.recurseSubmodules=false",
  "core.hooksPath=/dev/null",
  "gc.auto=0",
  "maintenance.auto=false",
];

export interface GitOptions {
  directory: string;
  /** Of it only what git needs to reach other hosts is passed on. */
  environment: Readonly<Record<string, string | undefined>>;
  /** git that says nothing for so long is stopped, milliseconds. */
  silence: number;
  signal?: AbortSignal;
}

/** git for repositories of others: it runs nothing of theirs, and fetches by harmless protocols alone. */
export function openUpstreamGit({ directory, environment, silence, signal }: GitOptions): SimpleGit {
  const inherited = Object.entries(environment).filter(([name]) => passedOn.test(name));
  const git = simpleGit({
    baseDir: directory,
    timeout: { block: silence },
    config: configuration,
    allowEnvironment: Object.keys(ownEnvironment),
    unsafe: { allowUnsafeHooksPath: true, allowUnsafeSshCommand: true },
    ...(signal ? { abort: signal } : {}),
  });
  return git.env({ ...Object.fromEntries(inherited), ...ownEnvironment });
}
