import { cpSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { simpleGit } from "simple-git";
import { describe, expect, test, vi } from "vitest";
import { LayoutLibrary } from "../../src/layout/library.ts";
import { SyncedLayouts } from "../../src/layout/synced.ts";
import { temporaryDirectory } from "../support/app.ts";
import { serveFiles } from "../support/dumb-http.ts";
import { openLibrary, sync, tiny, tinyNames, Upstream } from "../support/upstream.ts";

// A busy machine may take its time.
vi.setConfig({ testTimeout: 30_000 });

describe("a synced library", () => {
  test("lies beside the operator's own, with its aliases", async () => {
    const { place, names, text, library } = openLibrary();
    const { directory, git } = await Upstream.create();
    const source = await sync(place, directory);
    expect(source).toEqual({
      from: directory,
      ref: null,
      commit: (await git.revparse("HEAD")).trim(),
      folder: "layouts",
      date: expect.stringMatching(/^\d{4}-.*Z$/),
      files: 3,
    });
    expect(names()).toEqual(tinyNames);
    expect(text("T-One.json")).toBe(tiny("One"));
    expect(readlinkSync(join(place, "current/files/T-One.json"))).toBe("Tiny-One.json");
    expect(library.base("Tiny-Base.json")?.matrix).toHaveLength(2);
  });

  test("is second to the operator's own", async () => {
    const { own, place, text } = openLibrary();
    writeFileSync(join(own, "Tiny-One.json"), "own");
    await sync(place, (await Upstream.create()).directory);
    expect([text("Tiny-One.json"), text("T-One.json")]).toEqual(["own", tiny("One")]);
  });

  test("comes before the one a server was shipped with, which goes as a whole", async () => {
    const [{ own, place }, seed] = [openLibrary(), temporaryDirectory()];
    const upstream = await Upstream.create();
    upstream.write("Tiny-Shipped.json", tiny("Shipped"));
    await upstream.commit();
    await sync(seed, upstream.directory);
    const library = new LayoutLibrary(own, new SyncedLayouts(place, seed));
    expect(library.view().names()).toContain("Tiny-Shipped.json");
    await sync(place, (await Upstream.create()).directory);
    expect(library.view().names()).toEqual(tinyNames);
  });

  test("is replaced as a whole; a base is a new one, and who looks on sees what was", async () => {
    const { place, library, names, text } = openLibrary();
    const upstream = await Upstream.create();
    await sync(place, upstream.directory);
    const [base, before] = [library.base("Tiny-Base.json"), library.view()];
    await upstream.git.rm(["layouts/Tiny-One.json", "layouts/T-One.json"]);
    upstream.write("Tiny-Two.json", tiny("Two"));
    await upstream.commit();
    await sync(place, upstream.directory);
    expect(names()).toEqual(["Demo-Own.json", "Tiny-Base.json", "Tiny-Two.json"]);
    expect(text("T-One.json")).toBeUndefined();
    expect(library.base("Tiny-Base.json")).not.toBe(base);
    expect(before.names()).toEqual(tinyNames);
    expect(readFileSync(before.find("T-One.json")?.path ?? "", "utf8")).toBe(tiny("One"));
  });

  test("has its history, for ?rev=, without what it came from", async () => {
    const { place, history } = openLibrary();
    const upstream = await Upstream.create();
    await upstream.git.tag(["v1"]);
    upstream.write("Tiny-One.json", tiny("One", "changed"));
    upstream.write("Later.json", tiny("Later"));
    const now = await upstream.commit();
    await sync(place, upstream.directory);
    await upstream.git.raw(["update-ref", "-d", "refs/tags/v1"]);
    const read = async (rev: string, name = "T-One.json") => (await history.readAt(rev, name)).toString();
    expect(await read("v1")).toBe(tiny("One"));
    for (const rev of [now, now.slice(0, 8), "main", "HEAD"]) {
      expect(await read(rev)).toBe(tiny("One", "changed"));
    }
    await expect(read("v1", "Later.json")).rejects.toMatchObject({ code: "not-found" });
    await expect(read("v2")).rejects.toMatchObject({ code: "not-found" });
  });

  test("can be read by others than who synced", async () => {
    const { place, synced } = openLibrary();
    await sync(place, (await Upstream.create()).directory);
    const directory = join(synced.current()?.files ?? "", "..");
    expect(statSync(directory).mode & 0o777).toBe(0o755);
  });

  test("leaves nothing behind but itself and the one before", async () => {
    const { place } = openLibrary();
    const { directory } = await Upstream.create();
    for (const name of [".new-killed", "0123456789ab-killed", "directory-killed"]) {
      mkdirSync(join(place, name, "files"), { recursive: true });
    }
    writeFileSync(join(place, ".next"), "");
    writeFileSync(join(place, "operators-own"), "");
    for (let round = 0; round < 3; round++) await sync(place, directory);
    expect(readdirSync(place).map((name) => name.replace(/-[A-Za-z0-9]{6}$/, "-…"))).toHaveLength(4);
    expect(readdirSync(place)).toEqual(expect.arrayContaining(["current", "operators-own"]));
  });
});

describe("a library is fetched", () => {
  test.for([
    ["a bare repository", ["clone", "--quiet", "--bare"]],
    ["a shallow one", ["clone", "--quiet", "--depth=1", "--no-local"]],
    ["a mirror", ["clone", "--quiet", "--mirror"]],
  ] as const)("from %s", async ([, options]) => {
    const { place, names } = openLibrary();
    const upstream = await Upstream.create();
    const copy = join(temporaryDirectory(), "copy");
    await upstream.git.raw([...options, upstream.directory, copy]);
    await sync(place, copy);
    expect(names()).toEqual(tinyNames);
  });

  test("from a bundle, one without HEAD by --ref", async () => {
    const { place, names } = openLibrary();
    const upstream = await Upstream.create();
    const directory = temporaryDirectory();
    const [whole, branch] = [join(directory, "whole.bundle"), join(directory, "branch.bundle")];
    await upstream.git.raw(["bundle", "create", whole, "--all"]);
    await sync(place, whole);
    expect(names()).toEqual(tinyNames);
    await upstream.git.raw(["bundle", "create", branch, "main"]);
    await expect(sync(place, branch)).rejects.toThrow(/name one with --ref/);
    expect(await sync(place, branch, { ref: "main" })).toMatchObject({ ref: "main", files: 3 });
  });

  test("from a plain directory, or its folder layouts", async () => {
    const { place, names, history } = openLibrary();
    const { directory } = await Upstream.create();
    const plain = temporaryDirectory();
    cpSync(join(directory, "layouts"), join(plain, "layouts"), { recursive: true, verbatimSymlinks: true });
    for (const from of [plain, join(plain, "layouts")]) {
      expect(await sync(place, from)).toMatchObject({ commit: null, files: 3 });
      expect(names()).toEqual(tinyNames);
    }
    await expect(history.readAt("HEAD", "Tiny-One.json")).rejects.toMatchObject({ code: "not-found" });
    await expect(sync(place, plain, { ref: "main" })).rejects.toThrow(/no repository/);
  });

  test("from the top of a repository without a folder layouts", async () => {
    const { place, names } = openLibrary();
    const upstream = await Upstream.create(".");
    expect(await sync(place, upstream.directory)).toMatchObject({ folder: "" });
    expect(names()).toEqual(tinyNames);
  });

  test("by branch, tag, annotated tag, commit whole or in part", async () => {
    const { place, text } = openLibrary();
    const upstream = await Upstream.create();
    const old = (await upstream.git.revparse("HEAD")).trim();
    await upstream.git.branch(["feature/old"]);
    await upstream.git.tag(["v1"]);
    await upstream.git.raw(["tag", "-a", "-m", "noted", "v1-noted"]);
    upstream.write("Tiny-One.json", tiny("One", "new"));
    await upstream.commit();
    for (const ref of ["feature/old", "v1", "v1-noted", old, old.slice(0, 10)]) {
      expect(await sync(place, upstream.directory, { ref })).toMatchObject({ ref, commit: old });
      expect(text("Tiny-One.json")).toBe(tiny("One"));
    }
    await sync(place, upstream.directory, { ref: "HEAD" });
    expect(text("Tiny-One.json")).toBe(tiny("One", "new"));
    await expect(sync(place, upstream.directory, { ref: "nonesuch" })).rejects.toThrow(/no branch or tag/);
  });

  test("over HTTP, and its credentials are kept nowhere and told to nobody", async () => {
    const { place, names, synced } = openLibrary();
    const upstream = await Upstream.create();
    const bare = join(temporaryDirectory(), "bare.git");
    await upstream.git.raw(["clone", "--quiet", "--bare", upstream.directory, bare]);
    await simpleGit(bare).raw(["update-server-info"]);
    const host = await serveFiles(bare, "ada:s3cret");
    const source = await sync(place, `http://ada:s3cret@${host}/`);
    expect(source.from).toBe(`http://${host}/`);
    expect(names()).toEqual(tinyNames);
    const directory = join(synced.current()?.files ?? "", "..");
    const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((one) =>
      one.isFile(),
    );
    expect(files.length).toBeGreaterThan(5);
    for (const { parentPath, name } of files) {
      expect(readFileSync(join(parentPath, name), "latin1")).not.toContain("s3cret");
    }
    const refused = sync(place, `http://ada:wrong1@${host}/`);
    await expect(refused).rejects.toThrow(`http://${host}/ cannot be fetched: `);
    await expect(refused).rejects.not.toThrow(/wrong1|ada/);
    await expect(sync(place, `http://${host}/`)).rejects.toThrow(/terminal prompts disabled/);
  });
});
