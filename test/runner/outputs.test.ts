import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { collectOutputs, outputName } from "../../src/runner/outputs.ts";
import { removeTree } from "../../src/runner/remove.ts";
import { texts } from "../support/runner.ts";

const limits = { outputBytes: 1000, outputFiles: 10 };
const run = promisify(execFile);
let parent: string;
let root: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "kiisrv-outputs-"));
  root = join(parent, "build");
  await mkdir(root);
});

afterEach(async () => {
  await removeTree(root);
  expect(await readdir(parent)).toEqual([]);
  await rm(parent, { recursive: true });
});

describe("outputs", () => {
  test("regular files are read, sorted by name", async () => {
    await mkdir(join(root, "log"));
    await writeFile(join(root, "log/build.log"), "log");
    await writeFile(join(root, "b.bin"), "b");
    await writeFile(join(root, "a.bin"), "");
    const { outputs, leftOut, excess } = await collectOutputs(root, limits);
    expect(outputs.map(({ name }) => name)).toEqual(["a.bin", "b.bin", "log/build.log"]);
    expect(texts(outputs)).toEqual({ "a.bin": "", "b.bin": "b", "log/build.log": "log" });
    expect({ leftOut, excess }).toEqual({ leftOut: [], excess: null });
  });

  test("links, FIFOs and bad names are left out, each with its reason", async () => {
    await symlink("/etc/passwd", join(root, "passwd"));
    await symlink("/etc", join(root, "etc"));
    await run("mkfifo", [join(root, "fifo")]);
    await writeFile(join(root, "line\nbreak"), "");
    const { outputs, leftOut } = await collectOutputs(root, limits);
    expect(outputs).toEqual([]);
    expect(leftOut.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual([
      { name: "etc", why: "a symbolic link, not a regular file" },
      { name: "fifo", why: "not a regular file" },
      { name: "line?break", why: "its name is not usable" },
      { name: "passwd", why: "a symbolic link, not a regular file" },
    ]);
  });

  test("a sparse file counts by its length", async () => {
    await writeFile(join(root, "huge"), "");
    await truncate(join(root, "huge"), 5 * 1024 ** 3);
    expect(await collectOutputs(root, limits)).toEqual({
      outputs: [],
      leftOut: [],
      excess: "The outputs of the build exceed 1000 bytes.",
    });
  });

  test("files and directories are bounded in number, each", async () => {
    for (let n = 0; n < 10; n++) await writeFile(join(root, `file-${n}`), "");
    for (let n = 0; n < 10; n++) await mkdir(join(root, `directory-${n}`));
    expect((await collectOutputs(root, limits)).excess).toBeNull();
    expect((await collectOutputs(root, { ...limits, outputFiles: 9 })).excess).toMatch(/more than 9/);
  });

  test("directories are bounded in depth", async () => {
    await mkdir(join(root, "d/".repeat(15)), { recursive: true });
    await writeFile(join(root, "d/".repeat(15), "file"), "");
    const flat = await collectOutputs(root, { ...limits, outputFiles: 100 });
    expect(flat).toMatchObject({ outputs: [{ name: `${"d/".repeat(15)}file` }], excess: null });
    await mkdir(join(root, "d/".repeat(16)));
    const deep = await collectOutputs(root, { ...limits, outputFiles: 100 });
    expect(deep.excess).toMatch(/cannot be looked into/);
  });
});

describe("names of outputs", () => {
  test.each(["a", "log/build.log", "grüße.txt", " ", "...", "-rf"])("%j is fine", (name) => {
    expect(outputName(Buffer.from(name))).toBe(name);
  });

  test.each([
    "",
    "/etc/passwd",
    "../a",
    "a/../b",
    "a//b",
    "a/",
    ".",
    "a\\b",
    "a\0b",
    "\x7f",
    "\u0085",
    "x".repeat(256),
  ])("%j is not", (name) => {
    expect(outputName(Buffer.from(name))).toBeNull();
  });

  test("bytes that are no UTF-8 are no name", () => {
    expect(outputName(Buffer.from([0x61, 0xff]))).toBeNull();
  });

  test("whatever passes stays below its directory", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const name = outputName(Buffer.from(bytes));
        if (name !== null) expect(join("/root", name)).toBe(`/root/${name}`);
      }),
    );
  });
});

describe("removing a tree", () => {
  test("a nesting deeper than a path can name, with names that are no text", async () => {
    const steps = `${"d".repeat(200)}/`.repeat(15);
    const script = `cd "$1" && printf x >$'\\xff' && mkdir $'\\xfe' &&
      for n in {1..5}; do mkdir -p ${steps} && cd ${steps} || exit 1; done && printf x >bottom`;
    await run("bash", ["-c", script, "bash", root]);
    await expect(rm(root, { recursive: true })).rejects.toMatchObject({ code: "ENAMETOOLONG" });
    await removeTree(root);
    expect(await readdir(parent)).toEqual([]);
  });

  test("links are removed, not what they lead to", async () => {
    const kept = join(parent, "kept");
    await mkdir(kept);
    await writeFile(join(kept, "file"), "");
    await symlink(kept, join(root, "link"));
    await removeTree(root);
    expect(await readdir(kept)).toEqual(["file"]);
    await rm(kept, { recursive: true });
  });

  test("what is not there is fine", async () => {
    await removeTree(join(parent, "absent"));
  });
});
