import { createHash } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import request from "supertest";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { ArtifactStore } from "../../src/store/artifacts.ts";
import { demoRequest, differentRequest, eventually } from "../support/app.ts";
import { openServer, type TestServer, talk } from "../support/server.ts";

// A busy machine may take its time.
vi.setConfig({ testTimeout: 30_000 });

let server: TestServer;
let path: string;
let bytes: Buffer;

beforeEach(async () => {
  server = await openServer();
  server.house.runner.onRun = (run) => run.end();
  const { body } = await request(server.url).post("/").send(demoRequest().toString());
  path = body.filename.slice(1);
  bytes = readFileSync(join(server.house.artifactDirectory, path.slice("/tmp/".length)));
});

function get(headers: Record<string, string> = {}) {
  return request(server.url).get(path).set(headers).buffer(true).parse(binary);
}

function binary(response: request.Response, done: (error: Error | null, body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  response.on("data", (chunk: Buffer) => chunks.push(chunk));
  response.on("end", () => done(null, Buffer.concat(chunks)));
}

test("a zip comes whole, to be kept for good", async () => {
  const { status, headers, body } = await get();
  expect(status).toBe(200);
  expect(body).toEqual(bytes);
  expect(headers).toMatchObject({
    "content-type": "application/zip",
    "content-length": String(bytes.length),
    "accept-ranges": "bytes",
    "cache-control": "public, max-age=31536000, immutable",
    etag: `"${createHash("sha256").update(bytes).digest("hex")}"`,
    "access-control-allow-origin": "*",
  });
});

test("HEAD tells the same", async () => {
  const { headers } = await get();
  const head = await request(server.url).head(path);
  expect(head.status).toBe(200);
  for (const name of ["etag", "content-length", "content-type", "last-modified", "cache-control"]) {
    expect(head.headers[name]).toBe(headers[name]);
  }
});

describe("conditions", () => {
  test("a client that has it gets no bytes", async () => {
    const { etag = "", "last-modified": modified = "" } = (await get()).headers;
    for (const headers of [
      { "If-None-Match": etag },
      { "If-None-Match": `"other", ${etag}` },
      { "If-None-Match": `W/${etag}` },
      { "If-None-Match": "*" },
      { "If-Modified-Since": modified },
    ]) {
      const answer = await get(headers as Record<string, string>);
      expect([headers, answer.status, answer.body.length]).toEqual([headers, 304, 0]);
      expect(answer.headers.etag).toBe(etag);
    }
  });

  test("a client that has another gets it", async () => {
    expect((await get({ "If-None-Match": '"other"' })).body).toEqual(bytes);
  });

  test("one that asks for what it is not is told", async () => {
    expect((await get({ "If-Match": '"other"' })).status).toBe(412);
  });
});

describe("ranges", () => {
  test.for([
    ["bytes=0-9", 0, 10],
    ["bytes=5-", 5, undefined],
    ["bytes=-7", -7, undefined],
  ] as const)("%s is a part", async ([range, from, to]) => {
    const { status, body, headers } = await get({ Range: range });
    expect(status).toBe(206);
    expect(body).toEqual(bytes.subarray(from, to));
    const start = from < 0 ? bytes.length + from : from;
    expect(headers["content-range"]).toBe(`bytes ${start}-${start + body.length - 1}/${bytes.length}`);
  });

  test("one behind the end cannot be", async () => {
    const { status, headers, body } = await get({ Range: `bytes=${bytes.length}-` });
    expect([status, body.length]).toEqual([416, 0]);
    expect(headers["content-range"]).toBe(`bytes */${bytes.length}`);
    expect(headers["cache-control"]).toBe("no-store");
  });

  test.for(["bytes=0-1,5-6", "lines=1-2", "nonsense"])("%s is not for us: all of it", async (range) => {
    const { status, body } = await get({ Range: range });
    expect(status).toBe(200);
    expect(body).toEqual(bytes);
  });

  test("a range of something older is all of it", async () => {
    expect((await get({ Range: "bytes=0-9", "If-Range": '"other"' })).status).toBe(200);
    const { etag = "" } = (await get()).headers;
    expect((await get({ Range: "bytes=0-9", "If-Range": etag })).status).toBe(206);
  });
});

describe("what is no artifact is not there:", () => {
  test.for([
    "/tmp/Demo-Standard-00.zip",
    "/tmp/..%2fbuilds.db",
    "/tmp/..%2f..%2f..%2fetc%2fpasswd",
    "/tmp/%2e%2e%2fbuilds.db",
    "/tmp/..%5cbuilds.db",
    "/tmp/%2fetc%2fpasswd",
    "/tmp/.hidden.zip",
    "/tmp/link.zip",
    "/tmp/directory.zip",
    "/tmp/notes.txt",
    "/tmp/a%00.zip",
    "/tmp/%ff.zip",
    "/tmp/../builds.db",
    "/tmp//builds.db",
    "/tmp/./../builds.db",
  ])("%s", async (asked) => {
    const { directory, artifactDirectory } = server.house;
    writeFileSync(join(artifactDirectory, ".hidden.zip"), "hidden");
    writeFileSync(join(artifactDirectory, "notes.txt"), "notes");
    symlinkSync(join(directory, "builds.db"), join(artifactDirectory, "link.zip"));
    mkdirSync(join(artifactDirectory, "directory.zip"));
    // By hand: fetch would tidy the path up.
    const answer = await talk(server.port, `GET ${asked} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).toContain('"code":"not-found"');
    expect(answer).not.toContain(directory);
  });
});

test("a zip that was deleted is not there, and says what to do", async () => {
  rmSync(join(server.house.artifactDirectory, path.slice("/tmp/".length)));
  const { status, body } = await request(server.url).get(path);
  expect(status).toBe(404);
  expect(body).toEqual({ code: "not-found", error: expect.stringContaining("build again") });
});

test("a client that goes away in mid-file does no harm", async () => {
  const large = "Large-File-00.zip";
  writeFileSync(join(server.house.artifactDirectory, large), Buffer.alloc(30_000_000));
  const response = await fetch(`${server.url}/tmp/${large}`);
  const reader = response.body?.getReader();
  expect((await reader?.read())?.done).toBe(false);
  await reader?.cancel();
  await eventually(() => server.logged().some((line) => line.path === `/tmp/${large}` && line.aborted));
  expect((await get()).status).toBe(200);
});

describe("a client that goes away before its turn", () => {
  const large = "Large-File-00.zip";

  /** A build that does not end, and behind it, on the same connection, downloads. */
  function askBehindBuild({ port }: TestServer, downloads: number) {
    const body = differentRequest(1);
    const socket = connect(port, "localhost");
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`);
    socket.write(body);
    socket.write(`GET /tmp/${large} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(downloads));
    return socket;
  }

  /** How often this process has the zip open. */
  const opened = () => readdirSync("/proc/self/fd").filter(isLarge).length;

  function isLarge(descriptor: string): boolean {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`).endsWith(large);
    } catch (error) {
      // The one this very list was read by.
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return false;
      throw error;
    }
  }

  test("leaves no zip open", async () => {
    writeFileSync(join(server.house.artifactDirectory, large), Buffer.alloc(300_000));
    server.house.runner.onRun = undefined;
    const socket = askBehindBuild(server, 10);
    await eventually(() => opened() === 10);
    socket.destroy();
    await eventually(() => opened() === 0);
  });

  test("leaves none open that is only found then", async () => {
    const found = Promise.withResolvers<void>();
    let asked = 0;
    class SlowStore extends ArtifactStore {
      override async find(name: string) {
        asked++;
        await found.promise;
        return super.find(name);
      }
    }
    const slow = await openServer({ artifacts: (directory) => new SlowStore(directory) });
    writeFileSync(join(slow.house.artifactDirectory, large), Buffer.alloc(300_000));
    const ended = () =>
      slow.logged().filter(({ path, aborted }) => path === `/tmp/${large}` && aborted).length;
    const socket = askBehindBuild(slow, 10);
    await eventually(() => asked === 10);
    socket.destroy();
    await eventually(() => ended() === 10);
    found.resolve();
    await request(slow.url).get(`/tmp/${large}`).buffer(true).parse(binary);
    await eventually(() => opened() === 0);
  });
});
