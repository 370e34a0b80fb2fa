import type { ImageInfo } from "dockerode";
import { expect, test } from "vitest";
import { canWait, controllerImages, hasLastWord, outputContract } from "../../src/runner/images.ts";

function image(digest: string, tags: string[], created = 0, labels = {}): ImageInfo {
  return {
    Id: `sha256:${digest}`,
    ParentId: "",
    RepoTags: tags,
    Created: created,
    Size: 0,
    VirtualSize: 0,
    SharedSize: 0,
    Labels: labels,
    Containers: 0,
  };
}

function found(...images: ImageInfo[]): string[] {
  return controllerImages(images).map(({ name, digest }) => `${name} ${digest}`);
}

test("images are found by name, whatever registry or tag stands around it", () => {
  expect(
    found(
      image("a", ["kiisrv-controller-050:latest"]),
      image("b", ["ghcr.io/x/kiisrv-controller-057:1.2"]),
      image("c", ["localhost:5000/kiisrv-controller-054:latest"]),
      image("d", ["kiisrv_controller-055:latest"]),
      image("e", ["kiisrv-server:latest", "debian:bookworm-slim", "kiisrv-controller-:latest"]),
      image("f", ["<none>:<none>"]),
    ),
  ).toEqual([
    "kiisrv-controller-050 sha256:a",
    "kiisrv-controller-054 sha256:c",
    "kiisrv-controller-055 sha256:d",
    "kiisrv-controller-057 sha256:b",
  ]);
});

test("images are found by label, unless they have lost their name", () => {
  const labels = { "kiisrv.contract": "files" };
  expect(
    found(image("a", ["my-keyboard:latest"], 0, labels), image("b", ["<none>:<none>"], 0, labels)),
  ).toEqual(["my-keyboard sha256:a"]);
});

test("of several images of one name `latest` counts, else the newest", () => {
  const name = "kiisrv-controller-057";
  expect(found(image("new", [`${name}:2`], 9), image("old", [`${name}:1`, `${name}:latest`], 1))).toEqual([
    `${name} sha256:old`,
  ]);
  expect(found(image("old", [`${name}:1`], 1), image("new", [`x/${name}:2`], 9))).toEqual([
    `${name} sha256:new`,
  ]);
});

test("what the daemon leaves null is no image and no labels", () => {
  const bare = { ...image("a", ["kiisrv-controller-050:latest"]), Labels: null, RepoTags: null };
  expect(controllerImages([bare as unknown as ImageInfo])).toEqual([]);
});

test("only our own label makes an image one that leaves plain files", () => {
  expect(outputContract({ "kiisrv.contract": "files" })).toBe("files");
  expect(outputContract({})).toBe("zip");
});

test("an image can wait if it says so and follows the contract of ours", () => {
  const ours = { "kiisrv.contract": "files" };
  expect(canWait({ ...ours, "kiisrv.warm": "stdin" })).toBe(true);
  expect(canWait(ours)).toBe(false);
  expect(canWait({ ...ours, "kiisrv.warm": "socket" })).toBe(false);
  expect(canWait({ "kiisrv.warm": "stdin" })).toBe(false);
});

test("only an image of ours that says so has a last word", () => {
  const ours = { "kiisrv.contract": "files" };
  expect(hasLastWord({ ...ours, "kiisrv.done": "log" })).toBe(true);
  expect(hasLastWord(ours)).toBe(false);
  expect(hasLastWord({ ...ours, "kiisrv.done": "file" })).toBe(false);
  expect(hasLastWord({ "kiisrv.done": "log" })).toBe(false);
});
