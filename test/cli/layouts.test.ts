import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test, vi } from "vitest";
import { LayoutLibrary } from "../../src/layout/library.ts";
import { SyncedLayouts } from "../../src/layout/synced.ts";
import { lockDirectory } from "../../src/store/lock.ts";
import { repository, temporaryDirectory } from "../support/app.ts";
import { tiny, tinyNames, Upstream } from "../support/upstream.ts";

// Each test starts processes.
vi.setConfig({ testTimeout: 60_000 });

function open() {
  const root = temporaryDirectory();
  const [own, data] = [join(root, "own"), join(root, "data")];
  mkdirSync(own);
  writeFileSync(join(own, "Demo-Own.json"), tiny("Own"));
  const place = join(data, "layouts");
  const library = new LayoutLibrary(own, new SyncedLayouts(place));
  const start = (...args: string[]) =>
    spawn(process.execPath, [join(repository, "src/main.ts"), "layouts", ...args], {
      env: { ...process.env, KIISRV_DATA: data, KIISRV_LAYOUTS: own },
      stdio: ["ignore", "pipe", "pipe"],
    });
  return {
    own,
    place,
    names: () => library.view().names(),
    text: (name: string) => library.read(name)?.bytes.toString(),
    start,
    /** Runs the command to its end. */
    async run(...args: string[]) {
      const child = start(...args);
      const [output, errors, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, "close"),
      ]);
      return { code: code as number | null, output, errors };
    },
  };
}

describe("kiisrv layouts", () => {
  test("syncs, and lists what there is", async () => {
    const { run, names } = open();
    const { directory } = await Upstream.create();
    expect((await run("list")).output).toMatch(
      /^own: .*\nsynced: nothing yet.*\n {2}Demo-Own +2 keys, 2 layers/,
    );
    const synced = await run("sync", "--from", directory, "--ref", "main");
    expect(synced).toMatchObject({ code: 0, errors: "" });
    expect(synced.output).toMatch(/^synced 3 layouts from \S+ \(main = [0-9a-f]{12}\), \d{4}-\S+Z\n$/);
    expect(names()).toEqual(tinyNames);
    const { output } = await run("list");
    expect(output).toContain(`3 layouts from ${directory} (main = `);
    expect(output).toMatch(/\n {2}T-One +2 keys, 2 layers, base Base, alias of Tiny-One\n/);
  });

  test("lists without complaint to who has seen enough", async () => {
    const { start, own } = open();
    // More than a pipe takes in before it is read.
    const long = "x".repeat(190);
    for (let number = 0; number < 3000; number++) writeFileSync(join(own, `${long}${number}.json`), "{");
    const child = start("list");
    const [errors, [code]] = await Promise.all([
      text(child.stderr),
      once(child, "close"),
      once(child.stdout, "data").then(() => child.stdout.destroy()),
    ]);
    expect([code, errors]).toEqual([0, ""]);
  });

  test("names file and JSON path of what is wrong, and ends with 1", async () => {
    const { run, names } = open();
    const upstream = await Upstream.create();
    await run("sync", "--from", upstream.directory);
    upstream.write("Bad.json", tiny("Bad").replace('"ESC"', "null"));
    await upstream.commit();
    const { code, output, errors } = await run("sync", "--from", upstream.directory);
    expect([code, output]).toEqual([1, ""]);
    expect(errors).toMatch(
      /^kiisrv layouts: .*\n {2}Bad\.json: matrix\[0\]\.layers\.0\.key: must be text\n$/,
    );
    expect(names()).toEqual(tinyNames);
  });

  test("says in a line that a repository cannot be reached, and ends with 1", async () => {
    const { run, place } = open();
    const { code, errors } = await run("sync", "--from", "http://ada:s3cret@127.0.0.1:1/layouts");
    expect(code).toBe(1);
    expect(errors).toMatch(/^kiisrv layouts: http:\/\/127\.0\.0\.1:1\/layouts cannot be fetched: .*\n$/);
    expect(errors).not.toContain("s3cret");
    expect(existsSync(join(place, "current"))).toBe(false);
  });

  test.for([
    [[], "takes sync or list"],
    [["drop"], "cannot drop"],
    [["list", "all"], "takes no arguments"],
    [["sync", "here"], "here"],
    [["sync", "--ref", "--upload-pack=true"], "--ref"],
    [["sync", "--ref=--upload-pack=true"], "--ref takes"],
    [["sync", "--ref=-x"], "--ref takes"],
    [["sync", "--ref=a..b"], "--ref takes"],
    [["sync", "--ref=a:b"], "--ref takes"],
    [["sync", "--ref="], "--ref takes"],
  ] as const)("called with %j is a mistake", async ([args, words]) => {
    const { code, errors } = await open().run(...args);
    expect(code).toBe(2);
    expect(errors).toContain(words);
  });
});

describe("two syncs", () => {
  test("are one at a time", async () => {
    const { run, place } = open();
    const { directory } = await Upstream.create();
    mkdirSync(place, { recursive: true });
    const lock = lockDirectory(place);
    const { code, errors } = await run("sync", "--from", directory);
    lock.release();
    expect(code).toBe(1);
    expect(errors).toContain("another sync is under way");
    expect(await run("sync", "--from", directory)).toMatchObject({ code: 0 });
  });

  test("started together leave a whole library", async () => {
    const { run, names } = open();
    const { directory } = await Upstream.create();
    const codes = (await Promise.all([1, 2, 3].map(() => run("sync", "--from", directory)))).map(
      ({ code }) => code,
    );
    expect(codes).toContain(0);
    expect(codes.filter((code) => code !== 0 && code !== 1)).toEqual([]);
    expect(names()).toEqual(tinyNames);
  });
});

/** What is to be seen in the directory of synced layouts, in the order of a sync. */
const moments: [string, (names: string[]) => boolean][] = [
  ["has its directory", (names) => names.some((name) => name.startsWith(".new-"))],
  ["has a repository", (names) => names.some((name) => /^\.new-.*upstream\.git\/HEAD$/.test(name))],
  ["has fetched", (names) => names.some((name) => /^\.new-.*objects\/pack\/.*\.idx$/.test(name))],
  ["writes the files", (names) => names.some((name) => /^\.new-.*\/files$/.test(name))],
  ["has written them", (names) => names.some((name) => /^\.new-.*\/source\.json$/.test(name))],
  ["is named", (names) => names.filter((name) => /^[0-9a-f]{12}-\w{6}$/.test(name)).length > 1],
];

describe("kill -9", () => {
  test.for(moments)("when a sync %s leaves a whole library, and the next sync works", async ([, reached]) => {
    const { run, start, place, text: read, names } = open();
    const upstream = await Upstream.create();
    for (let number = 0; number < 20; number++) upstream.write(`Tiny-${number}.json`, tiny("Many", "old"));
    await upstream.commit();
    await run("sync", "--from", upstream.directory);
    const before = names();
    for (let number = 0; number < 20; number++) upstream.write(`Tiny-${number}.json`, tiny("Many", "new"));
    await upstream.commit();

    const child = start("sync", "--from", upstream.directory);
    const ended = once(child, "close");
    while (child.exitCode === null && !reached(look(place))) await nextTurn();
    child.kill("SIGKILL");
    await ended;

    const variants = Array.from({ length: 20 }, (_, number) => read(`Tiny-${number}.json`));
    expect(names()).toEqual(before);
    expect(new Set(variants).size).toBe(1);
    expect([tiny("Many", "old"), tiny("Many", "new")]).toContain(variants[0]);

    expect(await run("sync", "--from", upstream.directory)).toMatchObject({ code: 0, errors: "" });
    expect(read("Tiny-0.json")).toBe(tiny("Many", "new"));
    expect(readdirSync(place).filter((name) => name.startsWith("."))).toEqual([]);
  });
});

/** All names below a directory, however it changes meanwhile. */
function look(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: "utf8" });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}
