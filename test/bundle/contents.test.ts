import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { chooseImages } from "../../src/bundle/choice.ts";
import { ownLayouts, syncedLayouts, versionFacts } from "../../src/bundle/contents.ts";
import type { Content } from "../../src/bundle/save.ts";
import { LayoutLibrary } from "../../src/layout/library.ts";
import { SyncedLayouts } from "../../src/layout/synced.ts";
import { openConfig, VersionStore } from "../../src/store/versions.ts";
import { temporaryDirectory } from "../support/app.ts";

/** Puts contents where a load would. */
function place(contents: readonly Content[]): string {
  const root = temporaryDirectory();
  for (const content of contents) {
    const path = join(root, content.path);
    mkdirSync(join(path, ".."), { recursive: true });
    if ("link" in content) symlinkSync(content.link, path);
    else writeFileSync(path, content.bytes);
  }
  return root;
}

describe("layouts", () => {
  test("of the operator are carried with their aliases, and nothing else of the directory", () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "B.json"), "{}");
    symlinkSync("B.json", join(directory, "A.json"));
    symlinkSync("/etc/passwd", join(directory, "C.json"));
    writeFileSync(join(directory, "notes.txt"), "mine");
    expect(ownLayouts(directory)).toEqual([
      { path: "layouts/A.json", link: "B.json" },
      { path: "layouts/B.json", bytes: Buffer.from("{}") },
    ]);
    expect(ownLayouts(join(directory, "nonesuch"))).toEqual([]);
  });

  test("that were synced are carried as a seed the server takes", () => {
    const place1 = temporaryDirectory();
    const library = join(place1, "0123456789ab-abcdef");
    mkdirSync(join(library, "files"), { recursive: true });
    writeFileSync(join(library, "files/Tiny.json"), '{"tiny":1}');
    symlinkSync("Tiny.json", join(library, "files/Alias.json"));
    const source = {
      from: "/srv/l.git",
      ref: "v2",
      commit: "0123",
      folder: "",
      date: "2026-01-01",
      files: 2,
    };
    writeFileSync(join(library, "source.json"), JSON.stringify(source));
    symlinkSync("0123456789ab-abcdef", join(place1, "current"));

    const carried = new SyncedLayouts(join(place(syncedLayouts(new SyncedLayouts(place1))), "synced"));
    // The history stays behind, so the commit cannot be looked up.
    expect(carried.current()?.source).toEqual({ ...source, commit: null });
    const read = new LayoutLibrary(join(place1, "none"), carried);
    expect(read.view().names()).toEqual(["Alias.json", "Tiny.json"]);
    expect(String(read.read("Alias.json")?.bytes)).toBe('{"tiny":1}');
  });

  test("that were never synced are none", () => {
    expect(syncedLayouts(new SyncedLayouts(temporaryDirectory()))).toEqual([]);
  });
});

describe("versions", () => {
  const versions = new VersionStore(openConfig(":memory:"));

  test("are carried with their release facts", () => {
    const content = versionFacts(versions.all(), (tag) => versions.release(tag));
    if ("link" in content) throw new Error("not a link");
    const facts = JSON.parse(String(content.bytes));
    expect(facts).toContainEqual(
      expect.objectContaining({ name: "latest", release: expect.objectContaining({ commits: 1222 }) }),
    );
    expect(facts).toContainEqual(expect.objectContaining({ name: "demo", release: null }));
  });

  const daemon = (there: string[]) => ({
    find: async (name: string) =>
      there.includes(name)
        ? { id: `id of ${name}`, platform: { os: "linux", architecture: "amd64" }, layers: [], size: 0 }
        : undefined,
    controllers: async () => new Map(there.map((name) => [name, `id of ${name}`])),
  });
  const choose = (there: string[], more: { versions?: string[]; proxy?: boolean } = {}) =>
    chooseImages(
      { server: "my-server", proxy: true, versions: undefined, ...more },
      versions.all(),
      daemon(there),
    );

  test("not named are those whose image is there", async () => {
    const there = ["kiisrv-controller-demo", "kiisrv-controller-057", "kiisrv-controller-other"];
    const { versions: names, images } = await choose(there);
    expect(names).toEqual(["demo", "latest", "nightly", "v0.5.7"]);
    expect([...images]).toEqual([
      ["kiisrv-server", "my-server"],
      ["kiisrv-controller-demo", "id of kiisrv-controller-demo"],
      ["kiisrv-controller-057", "id of kiisrv-controller-057"],
    ]);
  });

  test("named are those, be their image there or not", async () => {
    const { versions: names, images } = await choose([], { versions: ["lts"] });
    expect(names).toEqual(["lts"]);
    expect(images.get("kiisrv-controller-050")).toBe("kiisrv-controller-050");
    await expect(choose([], { versions: ["v9"] })).rejects.toThrow(/no version v9; there are demo, latest/);
  });

  test("come with the proxy, if it is there and wanted", async () => {
    expect((await choose(["kiisrv-proxy"])).images.get("kiisrv-proxy")).toBe("kiisrv-proxy");
    expect((await choose(["kiisrv-proxy"], { proxy: false })).images.has("kiisrv-proxy")).toBe(false);
  });
});
