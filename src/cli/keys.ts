import { parseArgs } from "node:util";
import { type ApiKey, type Scope, scopes } from "../store/keys.ts";
import { readAccess, withAccess } from "./access.ts";
import { type Command, type CommandWorld, usage } from "./command.ts";
import { readTime, showTime } from "./times.ts";

const addOptions = { scope: { type: "string", default: "build" }, expires: { type: "string" } } as const;

/** `kiisrv keys`: API keys. What it changes holds at once, for a server that runs, too. */
export const keys: Command = {
  name: "keys",
  summary: "add, list, revoke: the API keys of those who may build, or administer",
  help: `kiisrv keys add NAME [--scope build|admin] [--expires WHEN]
kiisrv keys list [--json]
kiisrv keys revoke NAME|ID

  add              makes a key and prints it, this once: what is stored is a hash of it
  --scope SCOPE    build: may build, with a rate limit of its own; admin: that, and /admin/ [build]
  --expires WHEN   a date (2027-01-31) or a span (90d, 12h) [never]

  list             prints all keys, without the keys themselves; --json: one object a line
  revoke           makes a key worthless, by its name or its id (kiisrv_ID_…)`,

  async run(args, world) {
    const [action, ...rest] = args;
    if (action === "add") return add(rest, world);
    if (action === "list") return list(rest, world);
    if (action === "revoke") return revoke(rest, world);
    throw usage(action === undefined ? "keys takes add, list or revoke" : `keys cannot ${action}`);
  },
};

async function add(args: string[], { environment, output, report }: CommandWorld): Promise<void> {
  const { values, positionals } = parseArgs({ args, options: addOptions, allowPositionals: true });
  const name = only(positionals, "add takes one name");
  const scope = scopes.find((one) => one === values.scope);
  if (scope === undefined) throw usage("--scope takes build or admin");
  const expires = values.expires === undefined ? null : readTime("--expires", values.expires, 1);
  if (expires !== null && expires <= Date.now()) throw usage("--expires takes a time that is yet to come");
  output(await withAccess(environment, ({ keys }) => keys.add({ name, scope, expires }, user())));
  report(`This is the only time the key is shown. Revoke it with: kiisrv keys revoke ${name}`);
}

function list(args: string[], { environment, output }: CommandWorld): void {
  const { json } = parseArgs({ args, options: { json: { type: "boolean", default: false } } }).values;
  const all = readAccess(environment, ({ keys }) => keys.list()) ?? [];
  if (!json && all.length === 0) output("There are no keys.");
  const width = Math.max(...all.map(({ name }) => name.length)) + 2;
  for (const key of all) output(json ? JSON.stringify(key) : describe(key, width));
}

async function revoke(args: string[], { environment, output }: CommandWorld): Promise<void> {
  const which = only(parseArgs({ args, allowPositionals: true }).positionals, "revoke takes one name or id");
  const { id, name } = await withAccess(environment, ({ keys }) => keys.revoke(which, user()));
  output(`revoked ${name} (${id})`);
}

function only(positionals: string[], complaint: string): string {
  const [one, ...more] = positionals;
  if (one === undefined || more.length > 0) throw usage(complaint);
  return one;
}

function describe({ id, name, scope, created, expires, revoked, used }: ApiKey, width: number): string {
  const facts = [
    `made ${showTime(created)}`,
    used === null ? "never used" : `last used ${showTime(used).slice(0, 10)}`,
    ...(expires === null ? [] : [`${expires <= Date.now() ? "expired" : "expires"} ${showTime(expires)}`]),
    ...(revoked === null ? [] : [`revoked ${showTime(revoked)}`]),
  ];
  return `${id}  ${name.padEnd(width)}${shown(scope)}  ${facts.join(", ")}`;
}

function shown(scope: Scope): string {
  return scope.padEnd(Math.max(...scopes.map((one) => one.length)));
}

/** Who changes the keys, as the audit log calls them. */
function user(): string {
  return `user ${process.getuid?.() ?? "unknown"}`;
}
