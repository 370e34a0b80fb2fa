import { chownSync, existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { audit } from "../../src/cli/audit.ts";
import { dispatch } from "../../src/cli/dispatch.ts";
import { keys } from "../../src/cli/keys.ts";
import { AuditLog, openAccess } from "../../src/store/audit.ts";
import { KeyStore } from "../../src/store/keys.ts";
import { temporaryDirectory } from "../support/app.ts";

/** The commands on a data directory, and the keys as a server that runs on it sees them. */
function open() {
  const data = join(temporaryDirectory(), "data");
  const run = async (...args: string[]) => {
    const [output, errors]: [string[], string[]] = [[], []];
    const code = await dispatch(args, [keys, audit], {
      environment: { KIISRV_DATA: data },
      input: async () => Buffer.alloc(0),
      output: (line) => output.push(line),
      report: (line) => errors.push(line),
    });
    return { code, output, errors: errors.join("\n") };
  };
  const server = () => {
    const database = openAccess(join(data, "access.db"));
    return new KeyStore(database, new AuditLog(database));
  };
  return { run, server, data };
}

describe("kiisrv keys", () => {
  test("add prints the key and nothing else, and the server knows it", async () => {
    const { run, server } = open();
    const { code, output, errors } = await run(
      "keys",
      "add",
      "bench",
      "--scope",
      "admin",
      "--expires",
      "90d",
    );
    expect([code, output.length]).toEqual([0, 1]);
    expect(errors).toContain("the only time");
    const { key } = server().recognize(output[0] ?? "");
    expect(key).toMatchObject({ name: "bench", scope: "admin" });
    expect(Math.round(((key?.expires ?? 0) - Date.now()) / 3_600_000)).toBe(90 * 24);
  });

  test("list shows all of a key but the key", async () => {
    const { run } = open();
    expect((await run("keys", "list")).output).toEqual(["There are no keys."]);
    const [key = ""] = (await run("keys", "add", "bench", "--expires", "2099-01-31")).output;
    const [, id, secret = ""] = key.split("_");
    const { output } = await run("keys", "list");
    expect(output).toEqual([
      expect.stringMatching(
        new RegExp(`^${id}  bench  build  made \\d{4}-\\S+Z, never used, expires 2099-01-31T00:00:00Z$`),
      ),
    ]);
    const [json = ""] = (await run("keys", "list", "--json")).output;
    expect(JSON.parse(json)).toMatchObject({ id, name: "bench", scope: "build", used: null, revoked: null });
    expect(output.join() + json).not.toContain(secret);
  });

  test("revoke takes a name or an id, of a server that runs", async () => {
    const { run, server } = open();
    const shown = [await run("keys", "add", "a"), await run("keys", "add", "b")].map(
      ({ output }) => output[0] ?? "",
    );
    const running = server();
    expect(shown.map((key) => running.recognize(key).key?.name)).toEqual(["a", "b"]);
    const id = shown[1]?.split("_")[1] ?? "";
    expect((await run("keys", "revoke", "a")).output).toEqual([
      expect.stringMatching(/^revoked a \([0-9a-f]{8}\)$/),
    ]);
    expect((await run("keys", "revoke", id)).code).toBe(0);
    for (const key of shown) expect(running.recognize(key).refused).toBe("this key was revoked");
    expect(await run("keys", "revoke", "a")).toMatchObject({
      code: 1,
      errors: expect.stringContaining("no key 'a'"),
    });
    expect((await run("keys", "list")).output.join("\n")).toMatch(/, revoked \d{4}/);
  });

  test.for([
    ["keys"],
    ["keys", "rotate"],
    ["keys", "add"],
    ["keys", "add", "a", "b"],
    ["keys", "add", "a", "--scope", "root"],
    ["keys", "add", "a", "--expires", "soon"],
    ["keys", "add", "a", "--expires", "2001-01-01"],
    ["keys", "add", "a", "--expires", "2027-13-41"],
    ["keys", "revoke"],
    ["keys", "list", "all"],
    ["audit", "--limit", "many"],
    ["audit", "--since", "x"],
  ])("that is called wrongly says how: %j", async (args) => {
    const { run } = open();
    expect(await run(...args)).toMatchObject({
      code: 2,
      output: [],
      errors: expect.stringMatching(/\n\nkiisrv /),
    });
  });

  test("add refuses a name that is taken or is none", async () => {
    const { run } = open();
    await run("keys", "add", "bench");
    expect(await run("keys", "add", "bench")).toMatchObject({ code: 1, output: [] });
    expect(await run("keys", "add", "a b")).toMatchObject({ code: 1, output: [] });
  });

  test("add refuses a name that could be the id of another key", async () => {
    const { run } = open();
    expect(await run("keys", "add", "deadbeef")).toMatchObject({ code: 1, output: [] });
    expect(await run("keys", "add", "deadbeef0")).toMatchObject({ code: 0 });
  });
});

test("what only reads makes nothing", async () => {
  const { run, data } = open();
  expect(await run("audit")).toMatchObject({ code: 0, output: [] });
  expect(await run("keys", "list")).toMatchObject({ code: 0 });
  expect(existsSync(data)).toBe(false);
});

test.runIf(process.getuid?.() === 0)("what root makes first is its whose directory it is in", async () => {
  const { run, data } = open();
  chownSync(dirname(data), 4711, 4712);
  expect((await run("keys", "add", "bench")).code).toBe(0);
  const made = [data, ...readdirSync(data).map((name) => join(data, name))];
  expect(made).toContain(join(data, "access.db"));
  for (const path of made) expect(statSync(path)).toMatchObject({ uid: 4711, gid: 4712 });
});

test("kiisrv audit prints what was done, oldest first, a line each", async () => {
  const { run } = open();
  await run("keys", "add", "bench");
  await run("keys", "revoke", "bench");
  const who = `user ${process.getuid?.() ?? "unknown"}`;
  const line = (event: string) =>
    expect.stringMatching(new RegExp(`^\\d{4}-\\S+Z  ${event} +${who}  bench [0-9a-f]{8} build$`));
  expect((await run("audit", "--since", "1h")).output).toEqual([line("key-added"), line("key-revoked")]);
  expect((await run("audit", "--limit", "1")).output).toEqual([line("key-revoked")]);
  expect((await run("audit", "--since", "2099-01-01")).output).toEqual([]);
  const [json = ""] = (await run("audit", "--json", "--limit", "1")).output;
  expect(JSON.parse(json)).toMatchObject({ event: "key-revoked", who, count: 1 });
});
