import { expect, test } from "vitest";
import { asDaemonSees, mayBeContainer } from "../../src/runner/ownMounts.ts";

const mounts = [
  { Source: "/srv", Destination: "/data" },
  { Source: "/fast/builds", Destination: "/data/builds" },
  { Source: "/everything", Destination: "/" },
];

test.each([
  ["/data", "/srv"],
  ["/data/config", "/srv/config"],
  ["/data/builds", "/fast/builds"],
  ["/data/builds/one/out", "/fast/builds/one/out"],
  ["/database", "/everything/database"],
])("%s is at %s for the daemon", (path, expected) => {
  expect(asDaemonSees(path, mounts)).toBe(expected);
});

test("what is not mounted, or of a process in no container, is where it is", () => {
  expect(asDaemonSees("/builds", [{ Source: "/srv", Destination: "/data" }])).toBe("/builds");
  expect(asDaemonSees("/builds", [])).toBe("/builds");
});

test.each([
  ["0123456789ab", true],
  ["0123456789abcdef".repeat(4), true],
  ["kiisrv", false],
  ["0123456789a", false],
  ["0123456789AB", false],
  ["../0123456789ab", false],
])("whether %s may be a container's id: %s", (name, expected) => {
  expect(mayBeContainer(name)).toBe(expected);
});
