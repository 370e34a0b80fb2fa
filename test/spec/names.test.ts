import { describe, expect, it } from "vitest";
import { artifactName, documentFileName, zipFileName } from "../../src/spec/names.ts";

/** How the clients in the field take the name of a zip apart. */
const clientPattern = /^\.\/[^/]+\/+([A-Za-z0-9_.-]+)-([A-Za-z0-9_.-]+)-([0-9A-Fa-f]+)(_error)?/;
const hash = "0123456789abcdef";

describe("the name of a zip", () => {
  it.for([
    ["Demo", "Tiny", "Demo", "Tiny"],
    ["MD1.1", "Hacker", "MD1.1", "Hacker"],
    ["K-Type", "My-own layout", "K-Type", "My_own_layout"],
    ["MDErgo1", "a-b-c", "MDErgo1", "a_b_c"],
    ["Big_Board", "v1.2 - final", "Big_Board", "v1.2___final"],
  ] as const)("of %s with %s reads back", ([board, layout, seenBoard, seenLayout]) => {
    for (const success of [true, false]) {
      const name = zipFileName(artifactName(board, layout), hash, success);
      const found = clientPattern.exec(`./tmp/${name}`)?.slice(1);
      expect(found).toEqual([seenBoard, seenLayout, hash, success ? undefined : "_error"]);
      expect(name).toMatch(/^\S+\.zip$/);
    }
  });

  it("goes with that of the document inside", () => {
    expect(documentFileName(artifactName("MD1.1", "My-own"))).toBe("MD1.1-My_own.json");
  });
});
