import { expect, test } from "vitest";
import { blobPath, chains, lackingLayers } from "../../src/bundle/layers.ts";

const present = new Set([...chains(["base", "node", "server"]), ...chains(["other", "app"])]);

test.for([
  [["base", "node", "server"], []],
  [["base", "node", "server", "more"], ["more"]],
  [["base", "python"], ["python"]],
  // The same layer on other ground is another one to the daemon.
  [["base", "app"], ["app"]],
  [["app"], ["app"]],
  [[], []],
] as const)("of %j a daemon lacks %j", ([layers, lacking]) => {
  expect(lackingLayers(layers, present)).toEqual(lacking);
});

test("a blob is where its digest says", () => {
  expect(blobPath("sha256:abc")).toBe("blobs/sha256/abc");
});
