import { describe, expect, test } from "vitest";
import {
  isPlaced,
  leftOut,
  type Manifest,
  parseManifest,
  printManifest,
  printSums,
} from "../../src/bundle/manifest.ts";
import { sha256, tinyManifest } from "../support/bundles.ts";

function parsed(change: (manifest: Manifest) => void): Manifest {
  const manifest = structuredClone(tinyManifest());
  change(manifest);
  return parseManifest(printManifest(manifest), "it");
}

const path = (index: number, path: string) => (manifest: Manifest) => {
  manifest.members[index] = { path, sha256: sha256(""), size: 0 };
};

describe("a manifest", () => {
  test("comes back as it was printed", () => {
    expect(parsed(() => {})).toEqual(tinyManifest());
  });

  test.for<[string, (manifest: Manifest) => void, RegExp]>([
    ["of another format", (manifest) => Object.assign(manifest, { format: 2 }), /^it is no manifest.*format/],
    ["with a field nobody knows", (manifest) => Object.assign(manifest, { run: "rm" }), /run/],
    ["without images", (manifest) => manifest.images.splice(0), /images/],
    ["that leads upwards", path(0, "layouts/../../x"), /members\.0.*|plain relative path/],
    ["with an absolute path", path(0, "/etc/passwd"), /members\.0/],
    ["with a hidden file", path(0, ".env"), /members\.0/],
    ["with an empty part", path(0, "a//b"), /members\.0/],
    ["with a line break in a path", path(0, "a\nb"), /members\.0/],
    ["with a backslash", path(0, "a\\b"), /members\.0/],
    ["with a member twice", path(1, "compose.prod.yaml"), /listed twice/],
    ["with a file above a file", path(1, "compose.prod.yaml/x"), /is a file and a directory/],
    ["that lists itself", path(0, "bundle.json"), /cannot list itself/],
    ["that lists its checksums", path(0, "SHA256SUMS"), /cannot list itself/],
    ["with a blob of another name", path(0, `blobs/sha256/${sha256("x")}`), /not named by its checksum/],
    [
      "with a link for a blob",
      (manifest) => manifest.members.push({ path: "blobs/sha256/x.json", link: "x.json" }),
      /not named by its checksum/,
    ],
    [
      "with a link to nothing",
      (manifest) => manifest.members.push({ path: "layouts/A.json", link: "B.json" }),
      /leads to B\.json, which is not there/,
    ],
    [
      "with a link to a link",
      (manifest) => manifest.members.push({ path: "layouts/A.json", link: "Tiny-Default.json" }),
      /leads to Tiny-Default\.json, which is not there/,
    ],
    [
      "with a link that leads upwards",
      (manifest) => manifest.members.push({ path: "layouts/A.json", link: "../compose.json" }),
      /members\.6/,
    ],
    ["without a layer", (manifest) => manifest.members.pop(), /layer sha256:\w+ is missing/],
    ["without a configuration", (manifest) => manifest.members.splice(4, 1), /the configuration of image/],
    ["without Docker's list", (manifest) => manifest.members.splice(3, 1), /manifest\.json is missing/],
    [
      "with a tag that is an option",
      (manifest) => manifest.images[0]?.tags.push("--privileged:x"),
      /images\.0\.tags\.1/,
    ],
    ...["postgres:latest", "kiisrv-:x", "x/kiisrv-server:x", "kiisrv-server/x:x"].map(
      (tag): [string, (manifest: Manifest) => void, RegExp] => [
        `with the name ${tag}, which is another's`,
        (manifest) => manifest.images[0]?.tags.push(tag),
        /images\.0\.tags\.1: must be an image of kiisrv/,
      ],
    ),
  ])("%s is refused", ([, change, message]) => {
    expect(() => parsed(change)).toThrow(message);
  });

  test("of a delta may leave out layers, and says which", () => {
    const layer = tinyManifest().images[0]?.layers[0];
    const delta = parsed((manifest) => {
      manifest.members.pop();
      manifest.since = { release: "0.0.9", created: "2026-01-01T00:00:00Z" };
    });
    expect(leftOut(delta)).toEqual(new Set([layer]));
    expect(leftOut(tinyManifest())).toEqual(new Set());
  });

  test("knows what is for the operator's directory", () => {
    const placed = tinyManifest().members.filter(isPlaced);
    expect(placed.map((member) => member.path)).toEqual([
      "compose.prod.yaml",
      "layouts/Tiny-Base.json",
      "layouts/Tiny-Default.json",
    ]);
  });

  test("that is no JSON says so", () => {
    expect(() => parseManifest(Buffer.from("{"), "bundle.json")).toThrow("bundle.json is no JSON");
  });
});

test("the checksums are as sha256sum takes them, links left out", () => {
  const lines = printSums("0".repeat(64), tinyManifest().members).toString().split("\n");
  expect(lines[0]).toBe(`${"0".repeat(64)}  bundle.json`);
  expect(lines[1]).toBe(`${sha256("services: {}\n")}  compose.prod.yaml`);
  expect(lines).toHaveLength(1 + 5 + 1);
});
