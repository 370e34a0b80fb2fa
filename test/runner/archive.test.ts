import { constants } from "node:fs";
import { buffer } from "node:stream/consumers";
import { ZipArchive } from "archiver";
import { expect, test } from "vitest";
import { archiveNames, unpack } from "../../src/runner/archive.ts";
import { texts } from "../support/runner.ts";

const limits = { outputBytes: 1000, outputFiles: 10 };

async function zip(entries: Record<string, string>, links: string[] = []): Promise<Buffer> {
  const archive = new ZipArchive();
  for (const [name, text] of Object.entries(entries)) archive.append(text, { name });
  for (const name of links) archive.symlink(name, "/etc/passwd");
  const whole = buffer(archive);
  await archive.finalize();
  return whole;
}

/** Replaces each occurrence of a text by one of equal length: how one gets a zip that no tool would write. */
function forge(archive: Buffer, from: string, to: string): Buffer {
  return Buffer.from(archive.toString("latin1").replaceAll(from, to), "latin1");
}

test("entries become outputs", async () => {
  const unpacked = await unpack(await zip({ "kiibohd.dfu.bin": "firmware", "log/build.log": "log" }), limits);
  expect(texts(unpacked?.outputs ?? [])).toEqual({ "kiibohd.dfu.bin": "firmware", "log/build.log": "log" });
  expect(unpacked).toMatchObject({ leftOut: [], excess: null });
});

test("links are left out", async () => {
  const unpacked = await unpack(await zip({ a: "a" }, ["kiibohd.dfu.bin"]), limits);
  expect(unpacked?.outputs.map(({ name }) => name)).toEqual(["a"]);
  expect(unpacked?.leftOut).toEqual([
    { name: "kiibohd.dfu.bin", why: "a symbolic link, not a regular file" },
  ]);
});

test.each(["../aaaaa", "/aaaaaaa", "aaa/../b", "aaa\\aaaa", "aa\x07aaaaa"])(
  "a name that is no good: %j",
  async (name) => {
    const forged = forge(await zip({ AAAAAAAA: "evil", good: "good" }), "AAAAAAAA", name);
    const unpacked = await unpack(forged, limits);
    expect(texts(unpacked?.outputs ?? [])).toEqual({ good: "good" });
    expect(unpacked?.leftOut.map(({ why }) => why)).toEqual(["its name is not usable"]);
  },
);

test("the first of two entries of one name counts", async () => {
  const unpacked = await unpack(forge(await zip({ aa: "first", AA: "other" }), "AA", "aa"), limits);
  expect(texts(unpacked?.outputs ?? [])).toEqual({ aa: "first" });
  expect(unpacked?.leftOut).toEqual([{ name: "aa", why: "the second of that name" }]);
});

test("bytes are counted as they come, all entries together", async () => {
  const bomb = await zip({ bomb: "0".repeat(10_000_000) });
  expect(bomb.length).toBeLessThan(100_000);
  expect(await unpack(bomb, limits)).toMatchObject({
    outputs: [],
    excess: expect.stringMatching(/1000 bytes/),
  });
  const two = await zip({ a: "0".repeat(600), b: "0".repeat(600) });
  expect(await unpack(two, limits)).toMatchObject({ outputs: [{ name: "a" }], excess: expect.any(String) });
});

test("entries are bounded in number", async () => {
  const names = Array.from({ length: 11 }, (_, n) => [`file-${n}`, ""]);
  const unpacked = await unpack(await zip(Object.fromEntries(names)), limits);
  expect(unpacked).toMatchObject({ excess: "The build left more than 10 files." });
});

test("a size that lies makes the archive unreadable", async () => {
  const honest = await zip({ a: "0".repeat(500) });
  const record = honest.indexOf("PK\x01\x02", "latin1");
  honest.writeUInt32LE(5, record + 24);
  expect(await unpack(honest, limits)).toBeNull();
});

test("what is no zip is no archive, wherever it is cut", async () => {
  const whole = await zip({ "kiibohd.dfu.bin": "firmware", "log/build.log": "log" });
  expect(await unpack(Buffer.alloc(0), limits)).toBeNull();
  for (let length = 0; length < whole.length; length++) {
    expect(await unpack(whole.subarray(0, length), limits)).toBeNull();
  }
});

test("a directory entry is no output", async () => {
  const archive = new ZipArchive();
  archive.append("", { name: "kll/", mode: constants.S_IFDIR | 0o755 });
  const whole = buffer(archive);
  await archive.finalize();
  expect(await unpack(await whole, limits)).toEqual({ outputs: [], leftOut: [], excess: null });
});

test("a failed build's archive has `_error` before its ending", () => {
  expect(archiveNames("firmware.zip")).toEqual(["firmware.zip", "firmware_error.zip"]);
});
