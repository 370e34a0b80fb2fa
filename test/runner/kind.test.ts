import { expect, test } from "vitest";
import type { Placement } from "../../src/runner/container.ts";
import { kindOf } from "../../src/runner/kind.ts";
import type { Limits } from "../../src/spec/spec.ts";
import { testSpec } from "../support/runner.ts";

const image = { name: "kiisrv-controller-demo", digest: "sha256:abc" };
const pinned = { digest: "sha256:abc", labels: {} };
const place: Placement = {
  instance: "here",
  id: "build-1",
  image: pinned.digest,
  contract: "files",
  lastWord: null,
  runtime: "",
  user: { uid: 1000, gid: 1001 },
  directories: { inputs: "/host/config/build-1", outputs: "/host/builds/build-1" },
  cores: 2,
};

function key(limits: Partial<Limits> = {}, command = ["demo.bash"], at: Partial<Placement> = {}): string {
  return kindOf(testSpec(image, command, limits), pinned, { ...place, ...at }).key;
}

test("builds of one kind may differ in what they are told, and in where they are", () => {
  const elsewhere = { id: "build-2", inputs: "/host/config/build-2", outputs: "/host/builds/build-2" };
  expect(key({}, ["other.bash"], elsewhere)).toBe(key());
});

test("limits that are no option of the container make no kind", () => {
  expect(key({ wallSeconds: 1, logBytes: 1, outputFiles: 1 })).toBe(key());
  // More cores than there are is all there are.
  expect(key({ cpus: 8 })).toBe(key({ cpus: 2 }));
});

test.each<[string, Partial<Limits>, Partial<Placement>]>([
  ["memory", { memoryBytes: 1 }, {}],
  ["cores", { cpus: 0.5 }, {}],
  ["processes", { pids: 1 }, {}],
  ["file size", { outputBytes: 1 }, {}],
  ["image", {}, { image: "sha256:def" }],
  ["user", {}, { user: { uid: 1, gid: 1 } }],
])("another %s is another kind", (_name, limits, at) => {
  expect(key(limits, ["demo.bash"], at)).not.toBe(key());
});
