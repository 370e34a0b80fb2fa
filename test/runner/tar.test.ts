import { buffer } from "node:stream/consumers";
import { pack } from "tar-stream";
import { describe, expect, test } from "vitest";
import { packInputs, unpackOutputs } from "../../src/runner/tar.ts";
import { texts } from "../support/runner.ts";

const limits = { outputBytes: 1000, outputFiles: 4 };

/** As a daemon may send it. */
async function* pieces(archive: Buffer, size = 100): AsyncGenerator<Buffer> {
  for (let at = 0; at < archive.length; at += size) yield archive.subarray(at, at + size);
}

async function unpack(fill: (archive: ReturnType<typeof pack>) => void) {
  const archive = pack();
  archive.entry({ name: "builds/", type: "directory" });
  fill(archive);
  archive.finalize();
  const { outputs, leftOut, excess } = await unpackOutputs(pieces(await buffer(archive)), 100_000, limits);
  return { outputs: texts(outputs), leftOut: leftOut.map(({ name }) => name), excess };
}

describe("outputs that come as an archive", () => {
  test("are its files, below its own directory", async () => {
    const found = await unpack((archive) => {
      archive.entry({ name: "builds/a.bin" }, "a");
      archive.entry({ name: "builds/log/", type: "directory" });
      archive.entry({ name: "builds/log/b.log" }, "b");
    });
    expect(found).toEqual({ outputs: { "a.bin": "a", "log/b.log": "b" }, leftOut: [], excess: null });
  });

  test("are no links, no devices, and nothing by a bad name", async () => {
    const found = await unpack((archive) => {
      archive.entry({ name: "builds/hard", type: "link", linkname: "/etc/passwd" });
      archive.entry({ name: "builds/soft", type: "symlink", linkname: "/etc/passwd" });
      archive.entry({ name: "builds/../up" }, "up");
      archive.entry({ name: "builds/a.bin" }, "a");
    });
    expect(found).toEqual({ outputs: { "a.bin": "a" }, leftOut: ["hard", "soft", "../up"], excess: null });
  });

  test("are bounded in size and number", async () => {
    const large = await unpack((archive) => archive.entry({ name: "builds/large" }, "x".repeat(1001)));
    expect(large).toMatchObject({ outputs: {}, excess: "The outputs of the build exceed 1000 bytes." });
    const many = await unpack((archive) => {
      for (let n = 0; n < 9; n++) archive.entry({ name: `builds/${n}` }, "");
    });
    expect(many.excess).toBe("The build left more than 4 files.");
  });
});

test("a file by two names is two outputs", async () => {
  const found = await unpack((archive) => {
    archive.entry({ name: "builds/a.bin" }, "a");
    archive.entry({ name: "builds/b.bin", type: "link", linkname: "builds/a.bin" });
  });
  expect(found).toEqual({ outputs: { "a.bin": "a", "b.bin": "a" }, leftOut: [], excess: null });
});

test("an archive without end is read as far as outputs may go", async () => {
  let sent = 0;
  let released = false;
  async function* endless(): AsyncGenerator<Buffer> {
    try {
      const archive = pack();
      archive.entry({ name: "builds/large", size: 1 << 30 });
      yield (archive.read() as Buffer | null) ?? Buffer.alloc(0);
      for (;;) {
        sent += 512;
        yield Buffer.alloc(512);
      }
    } finally {
      released = true;
    }
  }
  const roomy = { outputBytes: 2 ** 31, outputFiles: 4 };
  const { excess } = await unpackOutputs(endless(), 50_000, roomy);
  expect(excess).toMatch(/^The outputs of the build exceed/);
  expect(sent).toBeLessThan(60_000);
  expect(released).toBe(true);
});

test("outputs that break off are a fault, not a verdict", async () => {
  const archive = pack();
  archive.entry({ name: "builds/a.bin" }, "a".repeat(600));
  archive.finalize();
  const whole = await buffer(archive);
  const fault = { code: "runner-unavailable" };
  await expect(unpackOutputs(pieces(whole.subarray(0, 700)), 100_000, limits)).rejects.toMatchObject(fault);
  await expect(unpackOutputs(pieces(Buffer.alloc(1024, "x")), 100_000, limits)).rejects.toMatchObject(fault);
});

test("inputs have plain names", async () => {
  const user = { uid: 1, gid: 1 };
  await expect(packInputs("build-1", [{ name: "../a", text: "" }], user)).rejects.toThrow(RangeError);
  await expect(packInputs("../build", [], user)).rejects.toThrow(RangeError);
});
