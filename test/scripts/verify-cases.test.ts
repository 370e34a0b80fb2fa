import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parseVersions } from "../../scripts/images/versions.ts";
import { boards, casesOf, firmwaresOf } from "../../scripts/verify/cases.ts";
import { readConfig } from "../../src/config.ts";
import { families } from "../../src/firmware/families.ts";
import { LayoutLibrary } from "../../src/layout/library.ts";
import { openConfig, VersionStore } from "../../src/store/versions.ts";
import { temporaryDirectory } from "../support/app.ts";

const context = {
  families,
  versions: new VersionStore(openConfig(":memory:")).all(),
  limits: readConfig({}).limits,
  imageDigest: () => `sha256:${"0".repeat(64)}`,
};
const root = join(import.meta.dirname, "../..");
const tags = parseVersions(readFileSync(join(root, "controllers/kiibohd/versions"), "utf8")).map(
  ({ tag }) => tag,
);
const unexpected = (layout: string, why: string) => expect.unreachable(`${layout}: ${why}`);

describe("what is verified", () => {
  it.for(tags)("is every board and variant of %s, edited on two layers", (tag) => {
    const cases = casesOf(tag, undefined, context, unexpected);
    const expected = Object.entries(boards).flatMap(([board, variants]) =>
      variants.map((variant) => `${board}/${variant}`),
    );
    expect(cases.map(({ board, variant }) => `${board}/${variant}`)).toEqual(expected);
    for (const { spec } of cases) {
      const [base = "", upper = ""] = spec.files.map(({ text }) => text);
      expect(base).toContain('U"A" : U"B";');
      expect(upper).toContain('U"1" : U"F1";');
    }
  });

  it("names the firmwares as the image's own proof does", () => {
    const names = casesOf("v0.5.7", undefined, context, unexpected).flatMap(firmwaresOf);
    expect(names).toHaveLength(17);
    expect(names).toEqual(
      expect.arrayContaining(["infinity_led-hacker", "k-type", "ergodox-l", "ergodox-r"]),
    );
  });

  it("is each layout of a library, too, but not twice, and none that cannot be built", () => {
    const directory = temporaryDirectory();
    const write = (name: string, document: object) =>
      writeFileSync(join(directory, name), JSON.stringify(document));
    const header = {
      ...{ Name: "Kira", Layout: "Mine", Base: "Base", Version: "1", Author: "A" },
      ...{ KLL: "0.5c", Date: "2020-01-01", Generator: "G" },
    };
    const matrix = [{ code: "0x1", layers: { "0": { key: "Z", label: "Z" } } }];
    write("Kira-Base.json", { header, matrix });
    write("Kira-Mine.json", { header, matrix });
    write("Kira-Broken.json", { header });
    symlinkSync("Kira-Mine.json", join(directory, "Kira-Alias.json"));
    const leftOut: string[] = [];

    const cases = casesOf("v0.5.7", new LayoutLibrary(directory), context, (name) => leftOut.push(name));
    expect(cases.filter(({ board }) => board === "Kira").map(({ layout }) => layout)).toEqual([
      "Edited",
      "Mine",
    ]);
    expect(leftOut).toEqual(["Kira-Broken.json"]);
  });
});
