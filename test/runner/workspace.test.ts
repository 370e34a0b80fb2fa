import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Workspace } from "../../src/runner/workspace.ts";

const id = "0b8a6f5e-6c1f-4c57-9d39-6a2c5f0e7d11-00c0ffee";
let root: string;
let workspace: Workspace;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "kiisrv-workspace-"));
  workspace = new Workspace({ tmpConfig: join(root, "config"), tmpBuilds: join(root, "builds") });
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

test("a build's files stand in a directory that others may not enter", async () => {
  await workspace.prepare(id, null);
  await workspace.addInputs(id, [{ name: "Demo-0.kll", text: "grüße\n" }], null);
  expect(await readFile(join(root, "config", id, "Demo-0.kll"), "utf8")).toBe("grüße\n");
  for (const directory of ["config", "builds"]) {
    expect((await stat(join(root, directory, id))).mode & 0o777).toBe(0o700);
  }
  await workspace.remove(id);
  expect(await readdir(join(root, "config"))).toEqual([]);
  expect(await readdir(join(root, "builds"))).toEqual([]);
});

test.each(["", ".", "..", "../a", "a/b", "a\0b", "a\nb", "a\\b"])("%j is no file name", async (name) => {
  await workspace.prepare(id, null);
  await expect(workspace.addInputs(id, [{ name, text: "" }], null)).rejects.toThrow(RangeError);
});

test("two files of one name are an error, not one file", async () => {
  const twice = ["a", "b"].map((text) => ({ name: "same", text }));
  await workspace.prepare(id, null);
  await expect(workspace.addInputs(id, twice, null)).rejects.toMatchObject({ code: "EEXIST" });
});

test("only directories named like a build count as a build's", async () => {
  expect(await workspace.ids()).toEqual([]);
  await workspace.prepare(id, null);
  for (const other of ["data", "home", "build-1", "Not_a_build", id.toUpperCase(), id.slice(1), `${id}.d`]) {
    await workspace.prepare(other, null);
  }
  await writeFile(join(root, "builds/artifact"), "");
  expect(await workspace.ids()).toEqual([id]);
});

test("the daemon may see the directories elsewhere", () => {
  const mapped = new Workspace({
    tmpConfig: "c",
    tmpBuilds: "b",
    hostTmpConfig: "/h/c",
    hostTmpBuilds: "/h/b",
  });
  const mounts = [
    { Source: "/volumes/config/_data", Destination: join(root, "c") },
    { Source: "/volumes/rest/_data", Destination: root },
  ];
  expect(mapped.hostPaths("x", mounts)).toEqual({ inputs: "/h/c/x", outputs: "/h/b/x" });
  const same = new Workspace({ tmpConfig: join(root, "c"), tmpBuilds: join(root, "b") });
  expect(same.hostPaths("x", [])).toEqual({ inputs: join(root, "c/x"), outputs: join(root, "b/x") });
  expect(same.hostPaths("x", mounts)).toEqual({
    inputs: "/volumes/config/_data/x",
    outputs: "/volumes/rest/_data/b/x",
  });
});
