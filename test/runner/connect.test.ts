import { expect, test } from "vitest";
import { connectDaemon } from "../../src/runner/connect.ts";

test.each([
  ["", false],
  ["unix:///run/docker.sock", false],
  ["tcp://builder:2376", true],
  ["ssh://builder", true],
])("files travel as it takes to reach %j, unless somebody says how", (dockerHost, remote) => {
  expect(connectDaemon({ dockerHost, transfer: "auto" }).copies).toBe(remote);
  expect(connectDaemon({ dockerHost, transfer: "copy" }).copies).toBe(true);
  expect(connectDaemon({ dockerHost, transfer: "mount" }).copies).toBe(false);
});
