import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { fetchLimits } from "../../src/layout/upstream.ts";
import { temporaryDirectory } from "../support/app.ts";
import { openLibrary, sync, tiny, tinyNames, Upstream } from "../support/upstream.ts";

// A busy machine may take its time.
vi.setConfig({ testTimeout: 30_000 });

/** What stays in force when a sync fails. */
async function openSynced() {
  const world = openLibrary();
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
  const { place, names, text } = openLibrary();
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
