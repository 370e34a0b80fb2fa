import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { ArtifactStore } from "../../src/store/artifacts.ts";
import { spawnScript } from "../support/child.ts";
import { canMount, scratch, smallDisk } from "./helpers.ts";

const name = "Demo-Standard-5eed.zip";
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("an artifact is published whole, with its size and hash", async () => {
  const directory = scratch();
  const store = new ArtifactStore(directory);
  const bytes = randomBytes(3_000_000);
  expect(await store.publish(name, bytes)).toEqual({ name, bytes: 3_000_000, sha256: sha256(bytes) });
  expect(await store.find(name)).toEqual({ path: join(directory, name), bytes: 3_000_000 });
  expect(readFileSync(join(directory, name)).equals(bytes)).toBe(true);
  expect(readdirSync(directory)).toEqual([name]);
});

test("an artifact may come as a stream, and be empty", async () => {
  const store = new ArtifactStore(scratch());
  const parts = [randomBytes(10), randomBytes(200_000), Buffer.alloc(0)];
  const whole = Buffer.concat(parts);
  const published = await store.publish(name, Readable.from(parts));
  expect(published).toEqual({ name, bytes: whole.length, sha256: sha256(whole) });
  expect(await store.publish("empty.zip", Buffer.alloc(0))).toMatchObject({ bytes: 0 });
});

test("a stream that breaks leaves nothing, and the older artifact in place", async () => {
  const directory = scratch();
  const store = new ArtifactStore(directory);
  await store.publish(name, Buffer.from("old"));
  async function* breaking() {
    yield Buffer.from("ne");
    throw new Error("the source broke");
  }
  await expect(store.publish(name, breaking())).rejects.toThrow("the source broke");
  expect(readdirSync(directory)).toEqual([name]);
  expect(readFileSync(join(directory, name), "utf8")).toBe("old");
  await store.publish(name, Buffer.from("new"));
  expect(readFileSync(join(directory, name), "utf8")).toBe("new");
});

test.each([
  "../a.zip",
  "a/b.zip",
  ".a.zip",
  ".zip",
  "a.zip\n",
  "a.zip\0",
  "a b.zip",
  "a.tar",
  "",
  "a.zip/..",
  "ä.zip",
  `${"a".repeat(252)}.zip`,
])("%j is no artifact's name", async (bad) => {
  const directory = scratch();
  const store = new ArtifactStore(join(directory, "artifacts"));
  await store.sweep();
  writeFileSync(join(directory, "a.zip"), "secret");
  await expect(store.publish(bad, Buffer.from("x"))).rejects.toThrow(/no name for an artifact/);
  expect(await store.find(bad)).toBeUndefined();
  expect(readdirSync(directory).sort()).toEqual(["a.zip", "artifacts"]);
});

test("only plain files are artifacts", async () => {
  const directory = scratch();
  const store = new ArtifactStore(directory);
  await store.publish("real.zip", Buffer.from("x"));
  symlinkSync("/etc/passwd", join(directory, "link.zip"));
  mkdirSync(join(directory, "folder.zip"));
  writeFileSync(join(directory, ".gitkeep"), "");
  writeFileSync(join(directory, "notes.txt"), "");
  expect((await store.list()).map(({ name }) => name)).toEqual(["real.zip"]);
  for (const other of ["link.zip", "folder.zip", "missing.zip"])
    expect(await store.find(other)).toBeUndefined();
});

test("the names come in byte order", async () => {
  const store = new ArtifactStore(scratch());
  for (const one of ["b.zip", "a.zip", "B.zip"]) await store.publish(one, Buffer.from(one));
  expect((await store.list()).map(({ name }) => name)).toEqual(["B.zip", "a.zip", "b.zip"]);
});

test("an artifact can be listed and removed, and nothing but an artifact", async () => {
  const directory = scratch();
  const store = new ArtifactStore(directory);
  await store.publish("one.zip", Buffer.from("12345"));
  const [listed] = await store.list();
  expect(listed).toMatchObject({ name: "one.zip", bytes: 5 });
  expect(listed?.published).toBeCloseTo(statSync(join(directory, "one.zip")).mtimeMs, 0);
  await store.remove("one.zip");
  await store.remove("one.zip");
  expect(await store.list()).toEqual([]);
  await expect(store.remove("../one.zip")).rejects.toThrow("no name");
});

test("a server killed while it publishes leaves no artifact; the next one clears up after it", async () => {
  const directory = join(scratch(), "artifacts");
  const store = new ArtifactStore(directory);
  expect(await store.sweep()).toBe(0);
  await store.publish("kept.zip", Buffer.from("x"));
  const child = spawnScript(`
    import { ArtifactStore } from "./src/store/artifacts.ts";
    async function* endless() {
      for (;;) { yield Buffer.alloc(1000); console.log("written"); await new Promise((go) => setTimeout(go, 5)); }
    }
    await new ArtifactStore(${JSON.stringify(directory)}).publish(${JSON.stringify(name)}, endless());
  `);
  await once(child.stdout, "data");
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
  expect(readdirSync(directory)).toHaveLength(2);
  expect((await store.list()).map(({ name }) => name)).toEqual(["kept.zip"]);
  expect(await store.find(name)).toBeUndefined();
  expect(await store.sweep()).toBe(1);
  expect(readdirSync(directory)).toEqual(["kept.zip"]);
});

test.skipIf(!canMount)("a full disk is a storage problem that leaves nothing behind", async () => {
  const { path } = smallDisk(256 * 1024);
  const store = new ArtifactStore(path);
  await store.publish("small.zip", randomBytes(10_000));
  await expect(store.publish(name, randomBytes(1_000_000))).rejects.toMatchObject({
    code: "storage-failed",
    message: "the server's disk is full",
    status: 507,
  });
  expect(readdirSync(path)).toEqual(["small.zip"]);
  expect(await store.publish(name, randomBytes(100_000))).toMatchObject({ bytes: 100_000 });
});

test.skipIf(!canMount)("a read-only disk is a storage problem; what is there is still served", async () => {
  const disk = smallDisk(256 * 1024);
  const store = new ArtifactStore(disk.path);
  await store.publish("small.zip", Buffer.from("x"));
  disk.makeReadOnly();
  await expect(store.publish(name, Buffer.from("y"))).rejects.toMatchObject({
    code: "storage-failed",
    message: "the server may not write to its storage",
  });
  expect(await store.find("small.zip")).toMatchObject({ bytes: 1 });
});

test("a directory that is gone is reported, not mistaken for an empty one", async () => {
  const store = new ArtifactStore(join(scratch(), "nowhere"));
  await expect(store.publish(name, Buffer.from("x"))).rejects.toThrow(/ENOENT/);
  await expect(store.list()).rejects.toThrow(/ENOENT/);
});
