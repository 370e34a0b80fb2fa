import { mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { printManifest } from "../../src/bundle/manifest.ts";
import { Place } from "../../src/bundle/place.ts";
import { temporaryDirectory } from "../support/app.ts";
import { sha256, tinyManifest } from "../support/bundles.ts";

const member = (path: string, text: string) => ({
  path,
  sha256: sha256(text),
  size: Buffer.byteLength(text),
});

/** Puts a file as a bundle does that holds nothing else. */
async function put(directory: string, path: string, text: string) {
  const place = await Place.open(directory);
  const outcome = await place.put(member(path, text), Buffer.from(text));
  const manifest = tinyManifest();
  manifest.members.splice(0, 1, member(path, text));
  await place.finish(printManifest(manifest));
  return outcome;
}

describe("a file of a bundle", () => {
  test("is put where there is none, below directories that are made", async () => {
    const directory = join(temporaryDirectory(), "deep", "srv");
    expect(await put(directory, "layouts/A.json", "one")).toBe("new");
    expect(readFileSync(join(directory, "layouts/A.json"), "utf8")).toBe("one");
    expect(readdirSync(join(directory, "layouts"))).toEqual(["A.json"]);
  });

  test("takes the place of that of the bundle before, unless somebody changed it", async () => {
    const directory = temporaryDirectory();
    const file = join(directory, "compose.prod.yaml");
    await put(directory, "compose.prod.yaml", "one");
    expect(await put(directory, "compose.prod.yaml", "one")).toBe("there");
    expect(await put(directory, "compose.prod.yaml", "two")).toBe("updated");
    expect(readFileSync(file, "utf8")).toBe("two");

    writeFileSync(file, "mine");
    expect(await put(directory, "compose.prod.yaml", "three")).toBe("kept");
    expect(readFileSync(file, "utf8")).toBe("mine");
    expect(readFileSync(`${file}.new`, "utf8")).toBe("three");
    expect(readdirSync(directory).sort()).toEqual([
      "bundle.json",
      "compose.prod.yaml",
      "compose.prod.yaml.new",
    ]);
  });

  test("keeps a file that no bundle put there", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "compose.prod.yaml"), "mine");
    expect(await put(directory, "compose.prod.yaml", "theirs")).toBe("kept");
    expect(readFileSync(join(directory, "compose.prod.yaml"), "utf8")).toBe("mine");
  });

  test("does not hide that a directory is in its way", async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, "compose.prod.yaml"));
    await expect(put(directory, "compose.prod.yaml", "one")).rejects.toThrow(/EISDIR/);
  });

  test("is not put beside the manifest of something else", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "bundle.json"), "{}");
    await expect(Place.open(directory)).rejects.toThrow(/bundle\.json is no manifest/);
  });
});

describe("a link of a bundle", () => {
  const alias = { path: "layouts/A.json", link: "B.json" };

  test("is put where there is nothing, and found there", async () => {
    const directory = temporaryDirectory();
    const place = await Place.open(directory);
    expect(await place.link(alias)).toBe("new");
    expect(await place.link(alias)).toBe("there");
    expect(readlinkSync(join(directory, "layouts/A.json"))).toBe("B.json");
  });

  test("leaves what is there", async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, "layouts"));
    symlinkSync("Mine.json", join(directory, "layouts/A.json"));
    const place = await Place.open(directory);
    expect(await place.link(alias)).toBe("kept");
    expect(readlinkSync(join(directory, "layouts/A.json"))).toBe("Mine.json");
  });
});
