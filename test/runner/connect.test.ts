import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
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

test.each(["127.0.0.1", "[::1]"])(
  "a daemon at %s is reached wherever its address was given",
  async (host) => {
    const server = createServer((_, answer) => answer.end("the other daemon")).listen(
      0,
      host.replace(/[[\]]/g, ""),
    );
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { docker } = connectDaemon({ dockerHost: `tcp://${host}:${port}`, transfer: "auto" });
    expect(String(await docker.ping())).toBe("the other daemon");
  },
);

test.each(["/var/run/docker.sock", "tcp://", "tcp://a b"])("%j is no address of a daemon", (dockerHost) => {
  expect(() => connectDaemon({ dockerHost, transfer: "auto" })).toThrow(/must be unix:.*tcp:.*ssh:/);
});
