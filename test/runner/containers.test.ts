import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import Docker from "dockerode";
import { expect, onTestFinished, test } from "vitest";
import { Containers } from "../../src/runner/containers.ts";
import { temporaryDirectory } from "../support/app.ts";

async function coresOf(info: object): Promise<number> {
  const socketPath = join(temporaryDirectory(), "docker.sock");
  const server = createServer((_, answer) => answer.end(JSON.stringify(info))).listen(socketPath);
  onTestFinished(() => void server.close());
  await once(server, "listening");
  return new Containers(new Docker({ socketPath }), 5000).cores();
}

test("a daemon that does not say how many cores it has leaves the limit of a build as it is", async () => {
  expect(await coresOf({ NCPU: 4 })).toBe(4);
  expect(Math.min(2, await coresOf({}))).toBe(2);
  expect(Math.min(2, await coresOf({ NCPU: 0 }))).toBe(2);
});
