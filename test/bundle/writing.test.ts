import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { extract } from "tar-stream";
import { describe, expect, test } from "vitest";
import { type Part, publish, tar } from "../../src/bundle/writing.ts";
import { temporaryDirectory } from "../support/app.ts";
import { sha256 } from "../support/bundles.ts";

const signal = AbortSignal.timeout(60_000);
const time = new Date("2026-01-02T03:04:05Z");

function part(path: string, ...chunks: string[]): Part {
  return {
    path,
    size: chunks.join("").length,
    bytes: () => Readable.from(chunks.map((text) => Buffer.from(text))),
  };
}

async function entriesOf(archive: Buffer) {
  const entries: unknown[] = [];
  const reader = extract();
  reader.end(archive);
  for await (const entry of reader) {
    const { name, type, mode, uid, gid, mtime, linkname } = entry.header;
    entries.push({ name, type, mode, uid, gid, mtime, linkname });
    entry.resume();
  }
  return entries;
}

describe("tar", () => {
  test("writes parts in their order, owned by root and of one time", async () => {
    const link = { path: "c.json", link: "b/a.txt" };
    const parts = [{ ...part("z.sh", "run"), mode: 0o755 } as Part, part("b/a.txt", "some ", "text"), link];
    const common = { uid: 0, gid: 0, mtime: time };
    expect(await entriesOf(await buffer(tar(parts, time)))).toEqual([
      { name: "z.sh", type: "file", mode: 0o755, linkname: null, ...common },
      { name: "b/a.txt", type: "file", mode: 0o644, linkname: null, ...common },
      { name: "c.json", type: "symlink", mode: 0o777, linkname: "b/a.txt", ...common },
    ]);
  });

  test("gives equal bytes for equal parts", async () => {
    const archive = () => buffer(tar([part("a", "1"), part("b", "2", "3")], time));
    expect((await archive()).equals(await archive())).toBe(true);
  });

  test.for([
    ["more", ["ab", "c"], 2],
    ["less", ["a"], 2],
  ] as const)("ends in an error when a part has %s than it says", async ([, chunks, size]) => {
    await expect(buffer(tar([{ ...part("a", ...chunks), size }], time))).rejects.toThrow(/Size mismatch/);
  });

  test("ends in the error of a part", { timeout: 10_000 }, async () => {
    async function* bytes() {
      yield Buffer.alloc(1024 * 1024);
      throw new Error("the source is gone");
    }
    await expect(buffer(tar([{ path: "a", size: 2 ** 21, bytes }], time))).rejects.toThrow(
      "the source is gone",
    );
  });

  test("ends in the error of who gives the parts", async () => {
    async function* parts() {
      yield part("a", "1");
      throw new Error("no more parts");
    }
    await expect(buffer(tar(parts(), time))).rejects.toThrow("no more parts");
  });
});

describe("publish", () => {
  test("writes what it is given, compressed, and says how much", async () => {
    const directory = temporaryDirectory();
    const text = "text ".repeat(1000);
    for (const [compression, read] of [
      ["zstd", zstdDecompressSync],
      ["gzip", gunzipSync],
      ["none", (bytes: Buffer) => bytes],
    ] as const) {
      const file = join(directory, compression);
      const written = await publish(Readable.from([Buffer.from(text)]), file, compression, signal);
      const bytes = readFileSync(file);
      expect(written).toEqual({ size: bytes.length, sha256: sha256(bytes) });
      expect(String(read(bytes))).toBe(text);
    }
    expect(readdirSync(directory).sort()).toEqual(["gzip", "none", "zstd"]);
  });

  test("leaves what was there, and nothing else, when it cannot go on", async () => {
    const directory = temporaryDirectory();
    const file = join(directory, "bundle.tar");
    writeFileSync(file, "the one before");
    async function* broken() {
      yield Buffer.alloc(1024);
      throw new Error("the source is gone");
    }
    await expect(publish(Readable.from(broken()), file, "zstd", signal)).rejects.toThrow(
      "the source is gone",
    );
    await expect(
      publish(Readable.from([Buffer.alloc(9)]), file, "none", AbortSignal.abort(new Error("stop"))),
    ).rejects.toThrow();
    expect(readdirSync(directory)).toEqual(["bundle.tar"]);
    expect(readFileSync(file, "utf8")).toBe("the one before");
  });

  test("replaces what a killed one left", async () => {
    const file = join(temporaryDirectory(), "bundle.tar");
    writeFileSync(`${file}.part`, "half");
    await publish(Readable.from([Buffer.from("whole")]), file, "none", signal);
    expect(readFileSync(file, "utf8")).toBe("whole");
  });

  test("does not take over what another one writes", async () => {
    const file = join(temporaryDirectory(), "bundle.tar");
    async function* overtaken() {
      yield Buffer.from("first");
      await publish(Readable.from([Buffer.from("second")]), file, "none", signal);
      writeFileSync(`${file}.part`, "third");
    }
    await expect(publish(Readable.from(overtaken()), file, "none", signal)).rejects.toThrow(
      /another bundle save/,
    );
    expect(readFileSync(file, "utf8")).toBe("second");
  });
});
