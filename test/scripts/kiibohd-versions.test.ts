import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chooseVersions, controllerImage, parseVersions } from "../../scripts/images/versions.ts";
import { openConfig, VersionStore } from "../../src/store/versions.ts";

const root = join(import.meta.dirname, "../..");
const table = readFileSync(join(root, "controllers/kiibohd/versions"), "utf8");
const hash = "e1a1d816199bf54f42432f6d9097171a1614b6a0";
const row = `057 v0.5.7 0.5.7.16 1222 ${hash} 2020-03-20 20:13:21 -0700`;

describe("the table of kiibohd versions", () => {
  it("gives the columns, with all of the date", () => {
    expect(parseVersions(`# a comment\n\n${row}\n`)).toEqual([
      {
        name: "057",
        tag: "v0.5.7",
        kll: "0.5.7.16",
        commits: "1222",
        commit: hash,
        date: "2020-03-20 20:13:21 -0700",
      },
    ]);
  });

  it.for([
    ["a hash that is cut", row.replace(hash, hash.slice(1)), /line 1 .* is none/],
    ["a count that is no number", row.replace("1222", "many"), /line 1 .* is none/],
    ["no date", row.slice(0, row.indexOf(" 2020")), /line 1 .* is none/],
    ["a name that comes twice", `${row}\n${row}`, /line 2 .*057 was there/],
  ] as const)("refuses %s", ([, text, message]) => {
    expect(() => parseVersions(text)).toThrow(message);
  });

  it("agrees with what the server knows of these releases", () => {
    const known = new VersionStore(openConfig(":memory:"));
    const versions = known.all();
    for (const version of parseVersions(table)) {
      const { name, tag, commits, commit, date } = version;
      expect(versions).toContainEqual(
        expect.objectContaining({ name: tag, container: `controller-${name}`, git_tag: tag }),
      );
      expect(known.release(tag)).toMatchObject({ commits: Number(commits), hash: commit, date });
    }
  });

  it("holds an image for every kiibohd version the server offers", () => {
    const images = parseVersions(table).map(controllerImage);
    const offered = new VersionStore(openConfig(":memory:"))
      .all()
      .filter(({ family }) => family === "kiibohd");
    expect(new Set(offered.map(({ container }) => `kiisrv-${container}`))).toEqual(new Set(images));
  });
});

describe("the choice of versions", () => {
  const versions = parseVersions(table);
  const names = (wanted: string[]) => chooseVersions(versions, wanted).map(({ name }) => name);

  it("is all of them, if none is named", () => expect(names([])).toHaveLength(versions.length));
  it("keeps the table's order and takes tags, too", () => {
    expect(names(["v0.5.7", "050"])).toEqual(["050", "057"]);
  });
  it("refuses one there is none of, by name", () => {
    expect(() => names(["057", "099"])).toThrow(/no version 099; there are 050, /);
  });
});
