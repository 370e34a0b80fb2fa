import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { AuditLog } from "./audit.ts";
import type { Database } from "./database.ts";
import { stored } from "./faults.ts";

/** What a key is good for. `admin` includes `build`. */
export const scopes = ["build", "admin"] as const;
export type Scope = (typeof scopes)[number];

/** A key as it may be shown. Times are milliseconds since 1970. */
export interface ApiKey {
  /** The part of the key that is no secret: `kiisrv_ID_…`. */
  id: string;
  name: string;
  scope: Scope;
  created: number;
  expires: number | null;
  revoked: number | null;
  /** Start of the day (UTC) it was last used on. */
  used: number | null;
}

/** A key somebody showed: good, or why it is not. */
export type Recognized = { key: ApiKey; refused?: never } | { key?: never; refused: string };

const day = 24 * 60 * 60 * 1000;
/** Not the form of an id: one word must not stand for two keys. */
const keyName = /^(?![0-9a-f]{8}$)[A-Za-z][A-Za-z0-9._-]{0,63}$/;
const keyForm = /^kiisrv_([0-9a-f]{8})_[0-9a-f]{64}$/;

/** By this a key is told from whatever else stands in the headers of a request. */
export const keyPrefix = "kiisrv_";

/**
 * The API keys. What is stored of one is its SHA-256: the key is 256 random bits, so there is nothing to guess from the hash, and
 * the slow hashes that protect passwords would only slow down the server. The hash is found by the key's id and compared in
 * constant time. Every call looks into the database: what another process changes holds at once.
 *
 * All methods throw Problem `storage-failed` when the disk or the database does not do its part.
 */
export class KeyStore {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #transaction: <Result>(work: () => Result) => Result;
  readonly #audit: AuditLog;
  readonly #now: () => number;

  /** @param now the clock, milliseconds since 1970 */
  constructor(database: Database, audit: AuditLog, now: () => number = Date.now) {
    this.#statements = prepare(database);
    this.#transaction = (work) => stored(() => database.transaction(work).immediate());
    this.#audit = audit;
    this.#now = now;
  }

  /**
   * Makes a key; this is the only time it is seen.
   * @param by who makes it, for the audit log
   * @throws Error when the name cannot be used
   */
  add({ name, scope, expires }: Pick<ApiKey, "name" | "scope" | "expires">, by: string): string {
    if (!keyName.test(name)) {
      throw new Error(
        "a name begins with a letter and has at most 64 letters, digits, dots, hyphens and underscores; and it is not 8 hexadecimal digits, as ids are",
      );
    }
    const id = randomBytes(4).toString("hex");
    const key = `${keyPrefix}${id}_${randomBytes(32).toString("hex")}`;
    this.#transaction(() => {
      if (this.#find(name))
        throw new Error(`there is a key '${name}' already; revoke it first, or take another name`);
      this.#statements.insert.run({ id, name, scope, expires, hash: sha256(key), created: this.#now() });
      this.#audit.add({ event: "key-added", who: by, what: `${name} ${id} ${scope}` });
    });
    return key;
  }

  /** All keys, the revoked ones included, oldest first. */
  list(): ApiKey[] {
    return stored(() => this.#statements.list.all());
  }

  /**
   * Makes a key worthless, from now on.
   * @param which name or id
   * @throws Error when there is no such key
   */
  revoke(which: string, by: string): ApiKey {
    return this.#transaction(() => {
      const key = this.#find(which);
      if (!key) throw new Error(`there is no key '${which}' that could be revoked`);
      this.#statements.revoke.run(this.#now(), key.id);
      this.#audit.add({ event: "key-revoked", who: by, what: `${key.name} ${key.id} ${key.scope}` });
      return key;
    });
  }

  /** Judges a key that somebody shows. Why it is refused is told in detail only to who has, or had, the key. */
  recognize(shown: string): Recognized {
    const id = keyForm.exec(shown)?.[1];
    const row = id === undefined ? undefined : stored(() => this.#statements.find.get(id));
    if (!row || !timingSafeEqual(row.hash, sha256(shown))) return { refused: "this key is not known here" };
    const { hash: _, ...key } = row;
    if (key.revoked !== null) return { refused: "this key was revoked" };
    if (key.expires !== null && key.expires <= this.#now()) return { refused: "this key has expired" };
    return { key };
  }

  /** Notes the day on which a key was used: one write a day. */
  noteUse({ id, used }: ApiKey): void {
    const today = Math.floor(this.#now() / day) * day;
    if (used !== today) stored(() => this.#statements.use.run(today, id));
  }

  /** Whether anybody can be let in as an administrator. */
  hasAdmin(): boolean {
    return stored(() => this.#statements.admin.get(this.#now())) !== undefined;
  }

  #find(which: string): ApiKey | undefined {
    return this.list().find(({ id, name, revoked }) => revoked === null && (name === which || id === which));
  }
}

function prepare(database: Database) {
  const fields = "id, name, scope, created, expires, revoked, used";
  return {
    insert: database.prepare(`
      INSERT INTO Keys (id, name, scope, hash, created, expires) VALUES (@id, @name, @scope, @hash, @created, @expires)`),
    list: database.prepare<[], ApiKey>(`SELECT ${fields} FROM Keys ORDER BY created, id`),
    find: database.prepare<[string], ApiKey & { hash: Buffer }>(
      `SELECT ${fields}, hash FROM Keys WHERE id = ?`,
    ),
    revoke: database.prepare<[number, string]>("UPDATE Keys SET revoked = ? WHERE id = ?"),
    use: database.prepare<[number, string]>("UPDATE Keys SET used = ? WHERE id = ?"),
    admin: database.prepare<[number], number>(`
      SELECT 1 FROM Keys WHERE scope = 'admin' AND revoked IS NULL AND (expires IS NULL OR expires > ?) LIMIT 1`),
  };
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
