import { chmodSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { LayoutLibrary } from "../../src/layout/library.ts";
import { LayoutListing } from "../../src/layout/listing.ts";
import { SyncedLayouts } from "../../src/layout/synced.ts";
import { temporaryDirectory } from "../support/app.ts";
import { sync, tiny, Upstream } from "../support/upstream.ts";

function open() {
  const [directory, place] = [temporaryDirectory(), temporaryDirectory()];
  return {
    place,
    listing: new LayoutListing(new LayoutLibrary(directory, new SyncedLayouts(place))),
    put: (name: string, text: string) => writeFileSync(join(directory, name), text),
    link: (name: string, target: string) => symlinkSync(target, join(directory, name)),
    forbid: (name: string) => chmodSync(join(directory, name), 0),
    remove: (name: string) => rmSync(join(directory, name)),
  };
}

test("a list says of each layout what a configurator needs, by name", async () => {
  const { listing, put, link } = open();
  put("My Tiny.json", tiny("One", "two keys"));
  put("Keys.json", '{"matrix":[{"code":"0x01","layers":{"2":{"key":"A"}}}]}');
  link("Alias.json", "My Tiny.json");
  const facts = { board: "Tiny", variant: "two keys", layout: "One", base: "Base", keys: 2, layers: 2 };
  const bytes = tiny("One", "two keys").length;
  expect(await listing.list()).toEqual([
    { name: "Alias", url: "./layouts/Alias.json", alias: "My Tiny", bytes, ...facts },
    {
      name: "Keys",
      url: "./layouts/Keys.json",
      bytes: 55,
      board: null,
      variant: null,
      layout: null,
      base: null,
      keys: 1,
      layers: 3,
    },
    { name: "My Tiny", url: "./layouts/My%20Tiny.json", bytes, ...facts },
  ]);
});

test("a broken file is listed with what is wrong, and breaks nothing else", async () => {
  const { listing, put } = open();
  put("Broken.json", "{");
  put("Wrong.json", tiny("One").replace('"ESC"', "5"));
  put("Fine.json", tiny("One"));
  expect(await listing.list()).toEqual([
    { name: "Broken", url: "./layouts/Broken.json", bytes: 1, error: expect.stringContaining("line 1") },
    expect.objectContaining({ name: "Fine", keys: 2 }),
    expect.objectContaining({ name: "Wrong", error: "matrix[0].layers.0.key: must be text" }),
  ]);
});

test.skipIf(process.getuid?.() === 0)(
  "a file that may not be read is listed as such (not as root)",
  async () => {
    const { listing, put, forbid } = open();
    put("Secret.json", tiny("One"));
    forbid("Secret.json");
    expect(await listing.list()).toMatchObject([{ name: "Secret", error: "cannot be read (EACCES)" }]);
  },
);

test("a list follows the files, and the synced library", async () => {
  const { listing, put, remove, place } = open();
  const names = async () => (await listing.list()).map(({ name }) => name);
  put("A.json", tiny("One"));
  expect(await names()).toEqual(["A"]);
  put("A.json", tiny("Another"));
  expect(await listing.list()).toMatchObject([{ layout: "Another" }]);
  remove("A.json");
  expect(await names()).toEqual([]);
  await sync(place, (await Upstream.create()).directory);
  expect(await names()).toEqual(["T-One", "Tiny-Base", "Tiny-One"]);
});

test("those who ask at once share a list", async () => {
  const { listing, put } = open();
  put("A.json", tiny("One"));
  const [one, other] = await Promise.all([listing.list(), listing.list()]);
  expect(one).toBe(other);
  expect(await listing.list()).not.toBe(one);
});

test("a library that is not there has no layouts", async () => {
  const listing = new LayoutListing(new LayoutLibrary(join(temporaryDirectory(), "none")));
  expect(await listing.list()).toEqual([]);
});
