import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createPlainServer, type Server } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { lookAtPort } from "../../src/doctor/probes/port.ts";
import { openFileLimit } from "../../src/doctor/probes/process.ts";
import { lookFromOutside } from "../../src/doctor/probes/publicly.ts";
import { daemonAddress } from "../../src/doctor/probes/socket.ts";
import { sections } from "../../src/runner/rehearsal.ts";

const never = new AbortController().signal;

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

const alive = () =>
  createServer((request, answer) => {
    answer.setHeader("X-Request-Id", request.headers["x-request-id"] ?? "");
    answer.end('{"status":"alive"}');
  });

test("the limit of open files is read, where there is one", () => {
  expect(openFileLimit("Max open files            1024                 524288               files\n")).toBe(
    1024,
  );
  expect(
    openFileLimit("Max open files            unlimited            unlimited            files\n"),
  ).toBeNull();
  expect(openFileLimit("")).toBeNull();
});

test("the daemon's address is found as its client finds it", () => {
  const [there, away] = [() => true, () => false];
  expect(daemonAddress({}, away)).toBe("unix:///var/run/docker.sock");
  expect(daemonAddress({ DOCKER_HOST: "unix://" }, there)).toMatch(/\.docker\/run\/docker\.sock$/);
  expect(daemonAddress({ DOCKER_HOST: "tcp://10.0.0.1:2376" }, there)).toBe("tcp://10.0.0.1:2376");
});

test("a port is free, a kiisrv's, or somebody else's", async () => {
  const ours = await listening(alive());
  const other = await listening(createPlainServer((socket) => socket.resume().end("220 welcome\r\n")));
  expect(await lookAtPort("127.0.0.1", ours, never)).toMatchObject({ state: "kiisrv" });
  expect(await lookAtPort("127.0.0.1", other, never)).toMatchObject({ state: "taken" });
  const { spare } = await lookAtPort("127.0.0.1", 0, never);
  expect(spare).toBeGreaterThan(0);
  expect(await lookAtPort("127.0.0.1", spare, never)).toMatchObject({ state: "free" });
  expect(await lookAtPort("192.0.2.1", spare, never)).toMatchObject({ state: "refused" });
});

test("an address leads here, to somebody else, or nowhere", async () => {
  const ours = `http://127.0.0.1:${await listening(alive())}`;
  const other = `http://127.0.0.1:${await listening(createServer((_, answer) => answer.end("<h1>It works!</h1>")))}`;
  const endless = createServer((_, answer) => {
    answer.on("drain", () => answer.write("x".repeat(65_536))).write("x".repeat(1_000_000));
  });
  expect(await lookFromOutside(`${ours}/`, never)).toEqual({ url: ours, error: null, requestIdKept: true });
  expect(await lookFromOutside(other, never)).toMatchObject({ error: "answers 200, and is no kiisrv" });
  const flooding = `http://127.0.0.1:${await listening(endless)}`;
  expect(await lookFromOutside(flooding, never)).toMatchObject({
    error: expect.stringContaining("is no kiisrv"),
  });
  expect(await lookFromOutside("http://127.0.0.1:1", never)).toMatchObject({
    error: expect.stringMatching(/ECONNREFUSED|bad port/),
  });
  expect(await lookFromOutside(undefined, never)).toMatchObject({ url: null });
});

test("what a container printed is told apart by its titles", () => {
  const text = "::/a\nUid: 1\n::write /\nno\n::/b\n\n";
  expect(sections(text)).toEqual({ "/a": "Uid: 1\n", "write /": "no\n", "/b": "\n" });
  expect(sections("no titles")).toEqual({});
});
