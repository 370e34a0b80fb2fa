import type { Context, Middleware } from "koa";
import type { Requester } from "../build/service.ts";
import { Problem } from "../errors.ts";
import type { AuditLog } from "../store/audit.ts";
import { type ApiKey, type KeyStore, keyPrefix, type Scope } from "../store/keys.ts";
import type { Refusals } from "./refusals.ts";
import { identifyRequester, type RequesterOptions } from "./requester.ts";
import { healthPaths } from "./routes/health.ts";

/** What takes a key: nothing (but administration), new builds, or everything but the checks of health. */
export type RequiredKey = "none" | "builds" | "all";

export interface CallerParts {
  keys: Pick<KeyStore, "recognize" | "noteUse" | "hasAdmin">;
  requester: RequesterOptions;
  requireKey: RequiredKey;
  refusals: Pick<Refusals, "note">;
  audit: Pick<AuditLog, "add">;
}

/** Who asks. */
export interface Caller {
  /** Tells callers apart, by key or network: each has turns and budgets of its own. */
  requester: Requester;
  /** As the audit log calls them. */
  name: string;
  key: ApiKey | undefined;
}

export function callerOf(ctx: Context): Caller {
  return ctx.state.caller;
}

/** Finds out who asks. A key that is not good is refused only by `demandKeys`: such a request counts as its network's. */
export function recognizeCallers({ keys, requester: options }: CallerParts): Middleware {
  return (ctx, next) => {
    const shown = shownKey(ctx);
    const { key, refused } = shown === undefined ? {} : keys.recognize(shown);
    const requester = identifyRequester(ctx.ip, ctx.get("User-Agent"), options);
    const caller: Caller = key
      ? { requester: { ...requester, client: `key-${key.id}` }, name: `key ${key.name}`, key }
      : { requester, name: `client ${requester.client}`, key: undefined };
    ctx.state.caller = caller;
    ctx.state.keyRefused = refused;
    return next();
  };
}

/** Turns away who shows a key that is not good, and who shows none where one is required. */
export function demandKeys(parts: CallerParts): Middleware {
  return (ctx, next) => {
    const { keyRefused } = ctx.state;
    if (keyRefused !== undefined) throw refuse(ctx, parts, "bad-key", keyRefused);
    const { key } = callerOf(ctx);
    if (key) noteUse(ctx, parts, key);
    const { requireKey } = parts;
    const needed =
      requireKey === "all" ? !healthPaths.has(ctx.path) : requireKey === "builds" && ctx.method === "POST";
    if (needed) demand(ctx, parts, "build");
    return next();
  };
}

/**
 * Lets administrators in, and writes down what they change; who only looks may do so every second, and would push all else
 * out of the audit log. While there is no admin key, there is nothing here.
 */
export function adminsOnly(parts: CallerParts): Middleware {
  return (ctx, next) => {
    if (!parts.keys.hasAdmin()) throw new Problem("not-found", "there is no administration here");
    demand(ctx, parts, "admin");
    if (ctx.method !== "GET" && ctx.method !== "HEAD")
      parts.audit.add({ event: "admin", who: callerOf(ctx).name, what: `${ctx.method} ${ctx.path}` });
    ctx.set("Cache-Control", "no-store");
    return next();
  };
}

function demand(ctx: Context, parts: CallerParts, scope: Scope): void {
  const { key } = callerOf(ctx);
  if (key === undefined) throw refuse(ctx, parts, "key-required", "this takes an API key");
  if (key.scope !== scope && key.scope !== "admin")
    throw refuse(ctx, parts, "wrong-scope", `this takes a key of scope ${scope}`);
}

/** By the rules of bearer tokens (RFC 6750), as are the words in `challenges`. */
function refuse(
  ctx: Context,
  { refusals }: CallerParts,
  code: keyof typeof challenges,
  message: string,
): Problem {
  ctx.set("WWW-Authenticate", `Bearer realm="kiisrv"${challenges[code]}`);
  refusals.note("key-refused", callerOf(ctx).name, `${ctx.method} ${ctx.path}: ${message}`);
  return new Problem(code, message);
}

const challenges = {
  "key-required": "",
  "bad-key": ', error="invalid_token"',
  "wrong-scope": ', error="insufficient_scope"',
};

/** What stands there and is no key of ours, a proxy's own password, say, is none of our business. */
function shownKey(ctx: Context): string | undefined {
  const [, bearer] = /^bearer +(\S+) *$/i.exec(ctx.get("Authorization")) ?? [];
  return [bearer, ctx.get("X-API-Key")].find((shown) => shown?.startsWith(keyPrefix));
}

/** That the day of the last use cannot be written down must not cost anybody an answer. */
function noteUse(ctx: Context, { keys }: CallerParts, key: ApiKey): void {
  try {
    keys.noteUse(key);
  } catch (error) {
    ctx.state.logger.warn({ err: error }, "the use of a key cannot be noted");
  }
}
