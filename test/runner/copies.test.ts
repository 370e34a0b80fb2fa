import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import Docker from "dockerode";
import { expect, onTestFinished, test } from "vitest";
import type { Placement } from "../../src/runner/container.ts";
import { Containers } from "../../src/runner/containers.ts";
import { Copies } from "../../src/runner/copies.ts";
import { Workspace } from "../../src/runner/workspace.ts";
import { temporaryDirectory } from "../support/app.ts";
import { smallLimits } from "../support/runner.ts";

const place: Placement = {
  instance: "i",
  id: "b",
  image: "sha256:0",
  contract: "zip",
  lastWord: null,
  user: { uid: 1000, gid: 1000 },
  directories: null,
  runtime: "",
  cores: 1,
};

/** Reads the outputs of a container from a daemon that has no outputs of it: there is the container, or there is none. */
async function collect(container: "there" | "gone") {
  const directory = temporaryDirectory();
  const socketPath = join(directory, "docker.sock");
  const server = createServer((question, answer) => {
    const found = container === "there" && question.url?.endsWith("/json");
    answer.writeHead(found ? 200 : 404, { "Content-Type": "application/json" });
    answer.end(JSON.stringify(found ? { State: { Running: false } } : { message: "no such thing" }));
  }).listen(socketPath);
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const docker = new Docker({ socketPath });
  const workspace = new Workspace({ tmpConfig: directory, tmpBuilds: directory });
  const copies = new Copies({ containers: new Containers(docker, 5000), workspace });
  return copies.collect(docker.getContainer("c"), place, smallLimits);
}

test("a build that took its outputs' directory away has none", async () => {
  expect(await collect("there")).toEqual({ outputs: [], leftOut: [], excess: null });
});

test("a container that somebody removed before it was read is a fault, not a verdict", async () => {
  await expect(collect("gone")).rejects.toMatchObject({ code: "runner-unavailable" });
});
