import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { walk, walksAnchored } from "../../src/runner/walk.ts";

let parent: string;
let root: string;
let secret: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "kiisrv-walk-"));
  root = join(parent, "build");
  secret = join(parent, "secret");
  for (const directory of [join(root, "inner"), secret]) {
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, "file"), directory === secret ? "secret" : "own");
  }
});

afterEach(() => rm(parent, { recursive: true }));

/** Gives a link to somewhere else the name of a directory. */
async function swap(): Promise<void> {
  await rename(join(root, "inner"), join(root, "moved"));
  await symlink(secret, join(root, "inner"));
}

describe.runIf(walksAnchored)("a directory that becomes a link to another one while it is walked", () => {
  test("is not followed before it was entered", async () => {
    const names: string[] = [];
    for await (const { name, kind } of walk(root)) {
      names.push(name.toString());
      if (kind === "directory" && names.length === 1) await swap();
    }
    expect(names).not.toContain("inner/file");
  });

  test("is the same one after it was entered", async () => {
    const read: string[] = [];
    for await (const { name, path } of walk(root)) {
      if (name.toString() !== "inner/file") continue;
      await swap();
      read.push(await readFile(path, "utf8"));
    }
    expect(read).toEqual(["own"]);
  });
});

test("a walk that is broken off holds nothing open", async () => {
  const open_ = async () => (await readdir("/proc/self/fd")).length;
  const before = await open_();
  for await (const { name } of walk(root)) if (name.toString() === "inner/file") break;
  expect(await open_()).toBe(before);
  // That it would be seen.
  await using _held = await open(root);
  expect(await open_()).toBe(before + 1);
});
