import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { AuditLog, openAccess } from "../../src/store/audit.ts";
import { type ApiKey, KeyStore, type Scope } from "../../src/store/keys.ts";
import { scratch } from "./helpers.ts";

const day = 24 * 60 * 60 * 1000;

/** Keys as two processes see them: the server, and the command that changes them. */
function open(now = { time: 10 * day }) {
  const file = join(scratch(), "access.db");
  const view = () => {
    const database = openAccess(file);
    const clock = () => now.time;
    const audit = new AuditLog(database, clock);
    return { database, audit, keys: new KeyStore(database, audit, clock) };
  };
  const [server, command] = [view(), view()];
  const add = (name: string, scope: Scope = "build", expires: number | null = null) =>
    command.keys.add({ name, scope, expires }, "user 0");
  return { now, server, command, add };
}

describe("a key", () => {
  test("is 256 random bits after what tells it from others", () => {
    const { add } = open();
    expect(add("one")).toMatch(/^kiisrv_[0-9a-f]{8}_[0-9a-f]{64}$/);
    expect(add("two")).not.toBe(add("three"));
  });

  test("is known to a server that runs, with its scope, as soon as it is made", () => {
    const { add, server } = open();
    const found = server.keys.recognize(add("bench", "admin")).key;
    expect(found).toMatchObject({ name: "bench", scope: "admin", expires: null, revoked: null, used: null });
  });

  test("is nowhere in the database", () => {
    const { add, server } = open();
    const [, , secret = ""] = add("bench").split("_");
    const dump = Buffer.from(server.database.serialize());
    expect(dump.includes("bench")).toBe(true);
    expect(dump.includes(secret)).toBe(false);
    expect(dump.includes(Buffer.from(secret, "hex"))).toBe(false);
  });

  test("is worth nothing from the moment it is revoked, by name or by id", () => {
    const { add, server, command } = open();
    const shown = ["first", "second"].map((name) => add(name));
    const [, second] = server.keys.list() as [ApiKey, ApiKey];
    command.keys.revoke("first", "user 0");
    command.keys.revoke(server.keys.recognize(shown[1] ?? "").key?.id ?? second.id, "user 0");
    for (const key of shown) expect(server.keys.recognize(key)).toEqual({ refused: "this key was revoked" });
  });

  test("is good until it expires, and not a moment longer", () => {
    const { add, server, now } = open();
    const key = add("short", "admin", now.time + 1000);
    now.time += 999;
    expect(server.keys.recognize(key).key?.name).toBe("short");
    expect(server.keys.hasAdmin()).toBe(true);
    now.time += 1;
    expect(server.keys.recognize(key)).toEqual({ refused: "this key has expired" });
    expect(server.keys.hasAdmin()).toBe(false);
  });

  test("that is not the one that was given out tells nothing, whatever of it is right", () => {
    const { add, server, command } = open();
    const key = add("bench");
    command.keys.revoke("bench", "user 0");
    const flipped = key.replace(/.$/, (digit) => (digit === "0" ? "1" : "0"));
    const unknown = { refused: "this key is not known here" };
    for (const wrong of [
      flipped,
      key.slice(0, -1),
      `${key}0`,
      key.toUpperCase(),
      key.slice(0, 15),
      "",
      "kiisrv_",
    ]) {
      expect([wrong, server.keys.recognize(wrong)]).toEqual([wrong, unknown]);
    }
  });
});

describe("the list of keys", () => {
  test("shows no key and no hash, and the revoked ones, too", () => {
    const { add, server, command } = open();
    add("first");
    command.keys.revoke("first", "user 0");
    add("first", "admin");
    const list = server.keys.list();
    expect(list.map(({ name, revoked }) => [name, revoked !== null])).toEqual(
      expect.arrayContaining([
        ["first", true],
        ["first", false],
      ]),
    );
    for (const key of list) {
      expect(Object.keys(key).sort()).toEqual([
        "created",
        "expires",
        "id",
        "name",
        "revoked",
        "scope",
        "used",
      ]);
    }
  });

  test("tells the day of the last use, and no more", () => {
    const { add, server, now } = open();
    const key = add("bench");
    now.time += 5 * 60 * 60 * 1000;
    const recognized = () => server.keys.recognize(key).key as ApiKey;
    server.keys.noteUse(recognized());
    expect(recognized().used).toBe(10 * day);
    now.time += day;
    server.keys.noteUse(recognized());
    expect(recognized().used).toBe(11 * day);
  });
});

test.for(["", "1a", "a b", "a/b", "x".repeat(65), "-a", "ä", "a\n"])("a key cannot be named '%s'", (name) => {
  const { add, server } = open();
  expect(() => add(name)).toThrow("a name begins with a letter");
  expect(server.keys.list()).toEqual([]);
});

test("two keys that are good cannot have one name", () => {
  const { add, server } = open();
  add("bench");
  expect(() => add("bench")).toThrow("there is a key 'bench' already");
  expect(server.keys.list().length).toBe(1);
});

test("what is not there cannot be revoked", () => {
  const { add, command } = open();
  add("bench");
  command.keys.revoke("bench", "user 0");
  expect(() => command.keys.revoke("bench", "user 0")).toThrow("there is no key 'bench'");
  expect(() => command.keys.revoke("other", "user 0")).toThrow("there is no key 'other'");
});

test("every change of a key is in the audit log, without the key", () => {
  const { add, command, server } = open();
  const key = add("bench", "admin");
  const [, id, secret] = key.split("_");
  command.keys.revoke("bench", "user 7");
  expect(server.audit.read()).toEqual([
    { time: 10 * day, event: "key-revoked", who: "user 7", what: `bench ${id} admin`, count: 1 },
    { time: 10 * day, event: "key-added", who: "user 0", what: `bench ${id} admin`, count: 1 },
  ]);
  expect(JSON.stringify(server.audit.read())).not.toContain(secret);
});
