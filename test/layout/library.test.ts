import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Problem } from "../../src/errors.ts";
import { LayoutLibrary } from "../../src/layout/library.ts";

let root: string;
let directory: string;
let library: LayoutLibrary;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "kiisrv-library-"));
  directory = join(root, "layouts");
  mkdirSync(directory);
  library = new LayoutLibrary(directory);
  put("Demo-Plain.json", plain("A"));
});

afterEach(() => rmSync(root, { recursive: true }));

function plain(key: string): string {
  return JSON.stringify({ matrix: [{ code: "0x01", layers: { 0: { key } } }] });
}

function put(name: string, text: string): void {
  writeFileSync(join(directory, name), text);
}

function keyOf(name: string): string | undefined {
  return library.base(name)?.matrix[0]?.layers.get(0)?.key;
}

describe("a layout library", () => {
  it("gives a file's bytes, under its own name and its aliases", () => {
    symlinkSync("Demo-Plain.json", join(directory, "Demo-Alias.json"));
    for (const name of ["Demo-Plain.json", "Demo-Alias.json"]) {
      expect(library.read(name)?.bytes.toString()).toBe(plain("A"));
      expect(keyOf(name)).toBe("A");
    }
    expect(library.view().names()).toEqual(["Demo-Alias.json", "Demo-Plain.json"]);
  });

  it("gives the same base until the file changes", () => {
    const first = library.base("Demo-Plain.json");
    expect(library.base("Demo-Plain.json")).toBe(first);
    put("Demo-Plain.json", plain("Longer"));
    expect(keyOf("Demo-Plain.json")).toBe("Longer");
  });

  it.for([
    "Nonesuch.json",
    "demo-plain.json",
    "Demo-Plain",
    "../layouts/Demo-Plain.json",
    "./Demo-Plain.json",
    ".Demo-Plain.json",
    "sub/Demo-Plain.json",
    "Demo-Plain.json\0",
    "",
    `${"x".repeat(250)}.json`,
  ])("has no %j", (name) => {
    expect(library.read(name)).toBeUndefined();
    expect(library.base(name)).toBeUndefined();
  });

  it("offers no directories, dead links, links out of it, hidden or huge files", () => {
    mkdirSync(join(directory, "Directory.json"));
    symlinkSync("Nonesuch.json", join(directory, "Dead.json"));
    writeFileSync(join(root, "Outside.json"), plain("X"));
    symlinkSync("../Outside.json", join(directory, "Outside.json"));
    symlinkSync(join(root, "Outside.json"), join(directory, "Absolute.json"));
    put("Huge.json", "");
    truncateSync(join(directory, "Huge.json"), 11 * 1024 * 1024);
    put(".Hidden.json", plain("X"));
    put("notes.txt", "");
    expect(library.view().names()).toEqual(["Demo-Plain.json"]);
    expect(library.read("Outside.json")).toBeUndefined();
    expect(library.read("Absolute.json")).toBeUndefined();
  });

  it("survives a link that leads to itself", () => {
    symlinkSync("Loop.json", join(directory, "Loop.json"));
    expect(library.view().names()).toEqual(["Demo-Plain.json"]);
    expect(library.read("Loop.json")).toBeUndefined();
  });

  it.for(["no JSON", '{"matrix":5}', '{"matrix":[{"code":"0x01"}]}'])(
    "holds itself to blame for a base of %s",
    (text) => {
      put("Demo-Broken.json", text);
      const failure = () => library.base("Demo-Broken.json");
      expect(failure).toThrow(Problem);
      expect(failure).toThrow(expect.objectContaining({ code: "internal" }));
    },
  );

  it("is empty when there is no such directory", () => {
    const missing = new LayoutLibrary(join(root, "none"));
    expect([missing.view().names(), missing.read("Demo-Plain.json")]).toEqual([[], undefined]);
  });
});
