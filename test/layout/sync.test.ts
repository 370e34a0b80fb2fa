import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { simpleGit } from "simple-git";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { LayoutHistory } from "../../src/layout/history.ts";
import { LayoutLibrary } from "../../src/layout/library.ts";
import { SyncedLayouts } from "../../src/layout/synced.ts";
import { fetchLimits } from "../../src/layout/upstream.ts";
import { temporaryDirectory } from "../support/app.ts";
import { serveFiles } from "../support/dumb-http.ts";
import { sync, tiny, Upstream } from "../support/upstream.ts";

// A busy machine may take its time.
vi.setConfig({ testTimeout: 30_000 });

/** An operator's directory with `Demo-Own.json`, and a place for synced layouts. */
function open() {
  const [own, place] = [temporaryDirectory(), join(temporaryDirectory(), "layouts")];
  writeFileSync(join(own, "Demo-Own.json"), tiny("Own"));
  const synced = new SyncedLayouts(place);
  const library = new LayoutLibrary(own, synced);
  return {
    own,
    place,
    synced,
    library,
    history: new LayoutHistory(own, synced),
    names: () => library.view().names(),
    text: (name: string) => library.read(name)?.bytes.toString(),
  };
}

const tinyNames = ["Demo-Own.json", "T-One.json", "Tiny-Base.json", "Tiny-One.json"];

describe("a synced library", () => {
  test("lies beside the operator's own, with its aliases", async () => {
    const { place, names, text, library } = open();
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
    const { own, place, text } = open();
    writeFileSync(join(own, "Tiny-One.json"), "own");
    await sync(place, (await Upstream.create()).directory);
    expect([text("Tiny-One.json"), text("T-One.json")]).toEqual(["own", tiny("One")]);
  });

  test("comes before the one a server was shipped with, which goes as a whole", async () => {
    const [{ own, place }, seed] = [open(), temporaryDirectory()];
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
    const { place, library, names, text } = open();
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
    const { place, history } = open();
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
    const { place, synced } = open();
    await sync(place, (await Upstream.create()).directory);
    const directory = join(synced.current()?.files ?? "", "..");
    expect(statSync(directory).mode & 0o777).toBe(0o755);
  });

  test("leaves nothing behind but itself and the one before", async () => {
    const { place } = open();
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
    const { place, names } = open();
    const upstream = await Upstream.create();
    const copy = join(temporaryDirectory(), "copy");
    await upstream.git.raw([...options, upstream.directory, copy]);
    await sync(place, copy);
    expect(names()).toEqual(tinyNames);
  });

  test("from a bundle, one without HEAD by --ref", async () => {
    const { place, names } = open();
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
    const { place, names, history } = open();
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
    const { place, names } = open();
    const upstream = await Upstream.create(".");
    expect(await sync(place, upstream.directory)).toMatchObject({ folder: "" });
    expect(names()).toEqual(tinyNames);
  });

  test("by branch, tag, annotated tag, commit whole or in part", async () => {
    const { place, text } = open();
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
    const { place, names, synced } = open();
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

/** What stays in force when a sync fails. */
async function openSynced() {
  const world = open();
  const upstream = await Upstream.create();
  const before = await sync(world.place, upstream.directory);
  const expectKept = () => {
    expect(world.synced.current()?.source).toEqual(before);
    expect(world.names()).toEqual(tinyNames);
    expect(world.text("T-One.json")).toBe(tiny("One"));
    expect(readdirSync(world.place).filter((name) => name.startsWith("."))).toEqual([]);
  };
  return { ...world, upstream, expectKept };
}

describe("the library of before stays", () => {
  test("when a file is broken, which is named with its path", async () => {
    const { place, upstream, expectKept } = await openSynced();
    upstream.write("Tiny-One.json", tiny("One").replace('"ESC"', "5"));
    upstream.write("Tiny-Other.json", "{");
    await upstream.commit();
    await expect(sync(place, upstream.directory)).rejects.toMatchObject({
      code: "bad-layout",
      complaints: [
        { path: "Tiny-One.json: matrix[0].layers.0.key", message: "must be text" },
        { path: "Tiny-Other.json", message: expect.stringContaining("line 1") },
      ],
    });
    expectKept();
  });

  test("when the repository is not there, or is none", async () => {
    const { place, expectKept } = await openSynced();
    const file = join(temporaryDirectory(), "file");
    writeFileSync(file, "no bundle");
    for (const from of ["file:///nonesuch", "http://127.0.0.1:1/layouts", file, "ext::sh -c 'exit 1'"]) {
      await expect(sync(place, from)).rejects.toThrow(Error);
      expectKept();
    }
  });

  test.runIf(process.getuid?.() === 0)("when the repository belongs to somebody else", async () => {
    const { place, upstream, expectKept } = await openSynced();
    execFileSync("chown", ["-R", "65534", upstream.directory]);
    const environment = { ...process.env, HOME: temporaryDirectory() };
    const refused = sync(place, upstream.directory, { environment });
    await expect(refused).rejects.toThrow(/belongs to another user/);
    expectKept();
  });

  test("when a server says nothing", async () => {
    const { place, expectKept } = await openSynced();
    const server = createServer(() => {});
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => {
      server.close();
    });
    const from = `http://127.0.0.1:${(server.address() as AddressInfo).port}/layouts`;
    const hurried = { limits: { ...fetchLimits, silence: 500 } };
    await expect(sync(place, from, hurried)).rejects.toThrow(/nothing came for 0\.5 s/);
    const short = { limits: { ...fetchLimits, time: 500 } };
    await expect(sync(place, from, short)).rejects.toThrow(/takes more than 0\.5 s/);
    expectKept();
  });

  test("when the repository is too large", async () => {
    const { place, upstream, expectKept } = await openSynced();
    writeFileSync(join(upstream.directory, "large"), randomBytes(200_000));
    await upstream.commit();
    const small = { limits: { ...fetchLimits, bytes: 100_000 } };
    await expect(sync(place, upstream.directory, small)).rejects.toThrow(/more than 100000 bytes/);
    expectKept();
  });

  test.for(["../outside.json", "/etc/passwd", "Nonesuch.json", "Bad.json"])(
    "when an alias leads to %s",
    async (target) => {
      const { place, upstream, expectKept } = await openSynced();
      upstream.link("Bad.json", target);
      await upstream.commit();
      await expect(sync(place, upstream.directory)).rejects.toMatchObject({
        complaints: [{ path: "Bad.json" }],
      });
      expectKept();
    },
  );

  test("when a layout is a submodule", async () => {
    const { place, upstream, expectKept } = await openSynced();
    const head = (await upstream.git.revparse("HEAD")).trim();
    await upstream.git.raw(["update-index", "--add", "--cacheinfo", `160000,${head},layouts/Sub.json`]);
    await upstream.git.commit("a submodule");
    await expect(sync(place, upstream.directory)).rejects.toMatchObject({
      complaints: [{ path: "Sub.json", message: "is neither a file nor a link" }],
    });
    expectKept();
  });
});

test("no filter, hook, attribute or submodule of a repository has any effect", async () => {
  const { place, names, text } = open();
  const upstream = await Upstream.create();
  const home = temporaryDirectory();
  const hooks = join(home, "hooks");
  mkdirSync(hooks);
  const trace = join(home, "was-run");
  for (const hook of ["reference-transaction", "post-checkout", "post-merge"]) {
    writeFileSync(join(hooks, hook), `#!/bin/sh\necho ${hook} >> ${trace}\n`, { mode: 0o755 });
  }
  const filter = `sh -c "echo filter >> ${trace}; cat"`;
  const quoted = JSON.stringify(filter);
  writeFileSync(
    join(home, ".gitconfig"),
    `[core]\nhooksPath = ${hooks}\n[filter "evil"]\nsmudge = ${quoted}\nclean = cat\n[diff "evil"]\ntextconv = ${quoted}\n`,
  );
  writeFileSync(
    join(upstream.directory, ".gitattributes"),
    "*.json filter=evil diff=evil ident text eol=crlf working-tree-encoding=UTF-16\n",
  );
  writeFileSync(
    join(upstream.directory, ".gitmodules"),
    '[submodule "x"]\npath = x\nurl = ext::sh -c true\n',
  );
  upstream.write("Tiny-Two.json", `${tiny("Two")}\n`);
  await upstream.git.raw(["-c", "core.attributesFile=/dev/null", "add", ".gitattributes", ".gitmodules"]);
  await upstream.git.commit("attributes");
  const blob = (
    await upstream.git.raw(["hash-object", "-w", "--no-filters", "layouts/Tiny-Two.json"])
  ).trim();
  await upstream.git.raw(["update-index", "--add", "--cacheinfo", `100644,${blob},layouts/Tiny-Two.json`]);
  await upstream.git.commit("a layout");
  await sync(place, upstream.directory, { environment: { ...process.env, HOME: home } });
  expect(names()).toEqual([...tinyNames, "Tiny-Two.json"]);
  expect(text("Tiny-Two.json")).toBe(`${tiny("Two")}\n`);
  expect(existsSync(trace)).toBe(false);
});
