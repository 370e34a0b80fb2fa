import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import SQLite from "better-sqlite3";
import { beforeEach, expect, test, vi } from "vitest";
import { openBuilds } from "../../src/store/builds.ts";
import { schemaVersions } from "../../src/store/database.ts";
import { temporaryDirectory } from "../support/app.ts";
import { archiveOf, backUp, type Entry, restoreTo } from "../support/backups.ts";

// A busy machine may take its time.
vi.setConfig({ testTimeout: 60_000 });

let database: Buffer;
let target: string;

beforeEach(() => {
  const directory = temporaryDirectory();
  const builds = openBuilds(join(directory, "builds.db"));
  builds.pragma("journal_mode = DELETE");
  builds.close();
  database = readFileSync(join(directory, "builds.db"));
  target = join(temporaryDirectory(), "data");
});

/** A manifest of these files, as far as it is not told otherwise. */
function manifest(files: Record<string, string | Buffer>, more: Record<string, unknown> = {}): string {
  const members = Object.entries(files).map(([path, content]) => ({
    path,
    bytes: Buffer.byteLength(content),
    sha256: createHash("sha256").update(content).digest("hex"),
  }));
  const head = { format: 1, created: "2026-01-02T03:04:05.678Z", artifacts: true, synced: null, aliases: [] };
  return JSON.stringify({ ...head, members, ...more });
}

const sound = () => ({ "databases/builds.db": database });
const builds = (): Entry => ({ name: "databases/builds.db", text: database as unknown as string });
const end = (text: string): Entry => ({ name: "manifest.json", text });

/** Whatever is refused leaves the place as it was. */
async function expectRefused(archive: Buffer, reason: RegExp): Promise<void> {
  await expect(restoreTo(target, archive)).rejects.toThrow(reason);
  expect(readdirSync(target).sort()).toEqual(["artifacts", "lock.db"]);
  expect(readdirSync(join(target, "artifacts"))).toEqual([]);
  expect(existsSync(join(target, "..", "evil"))).toBe(false);
}

test("what these tests spoil is sound without it", async () => {
  expect(await restoreTo(target, await archiveOf([builds(), end(manifest(sound()))]))).toMatchObject({
    builds: 0,
  });
});

test.each([
  "../evil",
  "/tmp/evil",
  "databases/../../evil",
  "databases/lock.db",
  "databases/builds.db-wal",
  "databases/sub/builds.db",
  "artifacts/../builds.db",
  "artifacts/.tmp-x.zip",
  "layouts/own/../../builds.db",
  "layouts/own/.hidden.json",
  "layouts/synced/upstream.git/config",
  "layouts/synced/upstream.git/hooks/post-checkout",
  "layouts/synced/upstream.git/objects/info/alternates",
  "layouts/synced/upstream.git/refs/../../../evil",
  "before-restore-x/builds.db",
  "manifest.json/x",
])("a member %j", async (name) => {
  const files = { ...sound(), [name]: "x" };
  await expectRefused(
    await archiveOf([builds(), { name, text: "x" }, end(manifest(files))]),
    /which none should/,
  );
});

test.each(["symlink", "link", "directory", "character-device", "fifo"] as const)(
  "a member that is a %s",
  async (type) => {
    const entry: Entry = { name: "layouts/own/A-B.json", type, linkname: "/etc/passwd" };
    await expectRefused(await archiveOf([builds(), entry, end(manifest(sound()))]), /which is no plain file/);
  },
);

test("a member that comes twice, is named by nobody, is missing, or differs", async () => {
  const text = manifest(sound());
  await expectRefused(await archiveOf([builds(), builds(), end(text)]), /builds\.db twice/);
  const stray = { name: "artifacts/a.zip", text: "x" };
  await expectRefused(
    await archiveOf([builds(), stray, end(text)]),
    /a\.zip, which its manifest does not name/,
  );
  await expectRefused(await archiveOf([end(text)]), /lacks databases\/builds\.db/);
  const other = manifest({ "databases/builds.db": "another" });
  await expectRefused(await archiveOf([builds(), end(other)]), /builds\.db is not what it was/);
});

test("a manifest that is none, comes too early, or is of another format", async () => {
  await expectRefused(await archiveOf([builds()]), /cut off: it has no manifest/);
  await expectRefused(await archiveOf([builds(), end("{")]), /is no JSON/);
  await expectRefused(await archiveOf([end(manifest(sound())), builds()]), /goes on after its manifest/);
  await expectRefused(
    await archiveOf([builds(), end(manifest(sound(), { format: 2 }))]),
    /by this version: format/,
  );
});

test("an alias that leads out, and a synced library whose name does", async () => {
  const alias = (path: string, to: string) => manifest(sound(), { aliases: [{ path, target: to }] });
  for (const text of [
    alias("layouts/own/A-B.json", "../../../etc/passwd"),
    alias("databases/config.db", "A-B.json"),
    manifest(sound(), { synced: "../evil" }),
  ]) {
    await expectRefused(await archiveOf([builds(), end(text)]), /cannot be read by this version/);
  }
});

test("a database that is damaged, newer than this program, or missing", async () => {
  const torn = Buffer.from(database);
  torn.fill(0xff, 4096, 4500);
  const file = (bytes: Buffer): Entry[] => [
    { name: "databases/builds.db", text: bytes as unknown as string },
    end(manifest({ "databases/builds.db": bytes })),
  ];
  await expectRefused(await archiveOf(file(torn)), /builds\.db cannot be used/);
  const newer = Buffer.from(database);
  newer.writeUInt32BE(schemaVersions.builds + 1, 60); // where the format keeps user_version
  await expectRefused(await archiveOf(file(newer)), /of a newer kiisrv/);
  const other = { "artifacts/a.zip": "x" };
  await expectRefused(
    await archiveOf([{ name: "artifacts/a.zip", text: "x" }, end(manifest(other))]),
    /has no builds\.db/,
  );
});

test("an archive that is cut off, wherever, or is none", async () => {
  const whole = readFileSync(await sample());
  for (const share of [0, 0.2, 0.5, 0.9]) {
    await expectRefused(whole.subarray(0, Math.floor(whole.length * share)), /cut off|no manifest/);
  }
  await expectRefused(whole.subarray(0, -1), /cut off/);
  await expectRefused(Buffer.from("my shopping list"), /no backup/);
  const damaged = Buffer.from(whole);
  const half = Math.floor(whole.length / 2);
  damaged.fill(0, half, half + 64);
  await expectRefused(damaged, /./);
});

test("layouts that cannot be put where they belong stop it before anything is in force", async () => {
  const own = join(temporaryDirectory(), "own");
  writeFileSync(own, "a file where a directory should be");
  const restored = restoreTo(target, await sample(), { layouts: own });
  await expect(restored).rejects.toThrow(/A-B\.json cannot be written to .*KIISRV_LAYOUTS/);
  expect(readdirSync(target).sort()).toEqual(["artifacts", "lock.db"]);
});

async function sample(): Promise<string> {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "own"));
  const builds = new SQLite(join(directory, "builds.db"));
  builds.exec(readFileSync("schema/builds.sqlite", "utf8"));
  builds.close();
  writeFileSync(join(directory, "own", "A-B.json"), "{}");
  return backUp(directory);
}
