import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import request from "supertest";
import { describe, expect, test, vi } from "vitest";
import { Problem } from "../../src/errors.ts";
import { demoRequest, differentRequest, eventually, temporaryDirectory } from "../support/app.ts";
import { badRequests } from "../support/badDocuments.ts";
import { postLayout } from "../support/client.ts";
import { bases } from "../support/documents.ts";
import { daemonAway, toolchainImage } from "../support/scripted-runner.ts";
import { openServer, type ServerOptions, type TestServer, talk } from "../support/server.ts";

// A busy machine may take its time.
vi.setConfig({ testTimeout: 30_000 });

const json = "application/json; charset=utf-8";

/** A server whose builds all go well, at once. */
async function openQuick(options: ServerOptions = {}): Promise<TestServer> {
  const server = await openServer(options);
  server.house.runner.onRun = (run) => run.end();
  return server;
}

function post(server: TestServer, body: Buffer | string, path = "/") {
  return request(server.url).post(path).set("Content-Type", json).send(body.toString());
}

describe("a build", () => {
  test.for(["/", "/download.php"])("posted to %s is answered with the name of its zip", async (path) => {
    const server = await openQuick();
    const { status, headers, body } = await post(server, demoRequest(), path);
    expect(status).toBe(200);
    expect(headers["content-type"]).toBe(json);
    expect(headers["cache-control"]).toBe("no-store");
    expect(body).toEqual({
      filename: expect.stringMatching(/^\.\/tmp\/Demo-Standard-[0-9a-f]{64}\.zip$/),
      success: true,
    });
  });

  test("may be posted under any media type", async () => {
    const server = await openQuick();
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"]) {
      const answer = await request(server.url)
        .post("/")
        .set("Content-Type", type)
        .send(demoRequest().toString());
      expect([type, answer.status]).toEqual([type, 200]);
    }
  });

  test("without an env is that of the default version", async () => {
    const server = await openQuick();
    const { config } = JSON.parse(demoRequest().toString());
    expect((await post(server, JSON.stringify({ config }))).status).toBe(200);
  });

  test("that fails is a 200, too", async () => {
    const server = await openServer();
    server.house.runner.onRun = (run) => run.end({ status: "failed", exitCode: 1, outputs: [], log });
    const log = "Demo-Standard-0.kll:1:1: error: no such name\n";
    const { status, body } = await post(server, demoRequest());
    expect(status).toBe(200);
    const failure = {
      reason: "config.header.Name: no such name",
      errors: [{ path: "config.header.Name", message: "no such name" }],
    };
    expect(body).toEqual({ filename: expect.stringMatching(/_error\.zip$/), success: false, ...failure });
    const again = await post(server, demoRequest());
    expect(again.body).toEqual(body);
    expect(server.house.runner.runs.length).toBe(1);
  });

  test("says how large the firmware is", async () => {
    const server = await openServer();
    const size = { flash: { used: 10, total: 100 }, ram: { used: 1, total: 4 } };
    server.house.runner.onRun = (run) =>
      run.end({
        outputs: [
          { name: "kiibohd.dfu.bin", bytes: Buffer.from("firmware") },
          { name: "size.json", bytes: Buffer.from(JSON.stringify(size)) },
        ],
      });
    const { body } = await post(server, demoRequest());
    expect(body).toEqual({
      filename: expect.any(String),
      success: true,
      size: { "kiibohd.dfu.bin": size },
    });
    expect((await post(server, demoRequest())).body).toEqual(body);
  });

  test("with parts left out says which", async () => {
    const server = await openQuick();
    const body = demoRequest((document) => {
      document.custom = { 9: "beyond" };
    });
    const answer = await post(server, body);
    expect(answer.body.warnings).toEqual([{ path: "config.custom.9", message: expect.any(String) }]);
  });
});

describe("a client in the field", () => {
  async function openField() {
    const layouts = temporaryDirectory();
    const files = { ...bases, "K-Type-Plain.json": bases["MD1.1-Plain.json"] };
    for (const [name, base] of Object.entries(files))
      writeFileSync(join(layouts, name), JSON.stringify(base));
    return openQuick({ layouts });
  }

  test.for([
    ["Demo", "Tiny", "Demo", "Tiny"],
    ["K-Type", "My-own layout", "K-Type", "My_own_layout"],
    ["MD1.1", "a.b_c", "MD1.1", "a.b_c"],
    ["WhiteFox", "-", "WhiteFox", "_"],
  ] as const)("sees board and layout of %s, %s", async ([name, layout, shownBoard, shownLayout]) => {
    const server = await openField();
    const document = {
      header: {
        ...JSON.parse(demoRequest().toString()).config.header,
        Name: name,
        Layout: layout,
        Base: "Plain",
      },
      matrix: [{ code: "0x01", layers: { 0: { key: "B" } } }],
    };
    const build = await postLayout(server.url, document, "latest");
    expect(build).toMatchObject({ board: shownBoard, layout: shownLayout, error: false });
    expect(build.zip.has("kiibohd.dfu.bin")).toBe(true);
    expect(build.zip.get(`${shownBoard}-${shownLayout}.json`)?.toString()).toBe(JSON.stringify(document));
  });

  test("finds both halves of a split board", async () => {
    const server = await openField();
    const { header } = JSON.parse(demoRequest().toString()).config;
    const document = {
      header: { ...header, Name: "MDErgo1", Layout: "Left-Hand", Base: "Plain" },
      matrix: [{ code: "0x01", layers: { 0: { key: "B" } } }],
    };
    const build = await postLayout(server.url, document, "latest");
    expect(build).toMatchObject({ board: "MDErgo1", layout: "Left_Hand", error: false });
    expect([...build.zip.keys()]).toEqual(
      expect.arrayContaining(["left_kiibohd.dfu.bin", "right_kiibohd.dfu.bin", "MDErgo1-Left_Hand.json"]),
    );
  });

  test("finds the log of a build that failed", async () => {
    const server = await openField();
    server.house.runner.onRun = (run) =>
      run.end({ status: "timed-out", reason: "It took too long.", outputs: [] });
    const document = {
      header: { ...JSON.parse(demoRequest().toString()).config.header, Layout: "Tiny", Base: "Plain" },
      matrix: [{ code: "0x01", layers: { 0: { key: "B" } } }],
    };
    const build = await postLayout(server.url, document, "latest");
    expect(build).toMatchObject({ board: "Demo", layout: "Tiny", error: true });
    expect(build.zip.get("log/build.log")?.toString()).toContain("It took too long.");
  });

  test("is shown why a layout is refused", async () => {
    const server = await openField();
    const refused = postLayout(server.url, { header: {}, matrix: [] }, "latest");
    await expect(refused).rejects.toThrow("config.header.Name: is missing");
  });
});

describe("a fault", () => {
  test.for([
    [daemonAway(), 503, "10"],
    [new Problem("image-missing", "the image is gone"), 503, undefined],
    [new Problem("storage-failed", "the server's disk is full"), 507, undefined],
  ] as const)("is told: %s", async ([problem, status, retryAfter]) => {
    const server = await openServer();
    server.house.runner.onRun = (run) => run.fail(problem);
    const answer = await post(server, demoRequest());
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ error: problem.message, code: problem.code });
    expect(answer.headers["retry-after"]).toBe(retryAfter);
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(answer.headers["access-control-allow-origin"]).toBe("*");
  });

  test("of our own making shows nothing but that; the log has it", async () => {
    const server = await openServer();
    server.house.runner.onRun = (run) => run.fail(new TypeError("/secret/path is not a function"));
    const answer = await post(server, demoRequest());
    expect(answer.status).toBe(500);
    expect(answer.body).toEqual({ error: expect.any(String), code: "internal" });
    expect(answer.text).not.toContain("secret");
    const line = server.logged().find(({ msg }) => msg === "unexpected error");
    expect(JSON.stringify(line)).toContain("/secret/path is not a function");
    expect(line?.request).toBe(answer.headers["x-request-id"]);
  });

  test("too many builds is a 429 that says when to come back", async () => {
    const server = await openServer({ concurrency: 1, queueLength: 0 });
    const running = post(server, differentRequest(1)).then((answer) => answer.status);
    const run = await server.house.runner.next();
    const answer = await post(server, differentRequest(2));
    expect(answer.status).toBe(429);
    expect(answer.body.code).toBe("queue-full");
    expect(Number(answer.headers["retry-after"])).toBeGreaterThan(0);
    run.end();
    expect(await running).toBe(200);
  });

  test("an unknown version is told with those there are", async () => {
    const answer = await post(await openServer(), demoRequest(undefined, "v9"));
    expect(answer.status).toBe(400);
    expect(answer.body.code).toBe("unknown-version");
    expect(answer.body.error).toMatch(/v9.*\n.*demo, latest, lts, nightly, v0\.5\.0/);
  });

  test("a missing image is told with those there are", async () => {
    const server = await openServer();
    server.house.runner.installed = [toolchainImage("050")];
    const answer = await post(server, demoRequest());
    expect([answer.status, answer.body.code]).toEqual([503, "image-missing"]);
    expect(answer.body.error).toContain("kiisrv-controller-050");
  });
});

test("no bad request starts a build, brings the server down or lets its inside be seen", {
  timeout: 60_000,
}, async () => {
  const layouts = temporaryDirectory();
  for (const [name, base] of Object.entries(bases)) writeFileSync(join(layouts, name), JSON.stringify(base));
  const server = await openServer({ layouts });
  for (const bad of badRequests) {
    const response = await fetch(`${server.url}/`, { method: "POST", body: new Uint8Array(bad.body()) });
    const text = await response.text();
    expect([bad.name, response.status]).toEqual([bad.name, bad.status]);
    expect(response.headers.get("Content-Type")).toBe(json);
    const answer = JSON.parse(text);
    expect(answer).toMatchObject({ code: bad.code, error: expect.stringMatching(/\S/) });
    if (bad.path !== undefined) {
      expect(answer.errors.map(({ path }: { path: string }) => path)).toContain(bad.path);
    }
    expect(text).not.toMatch(/\n\s+at |node_modules|\/src\//);
    expect(text).not.toContain(layouts);
  }
  expect(server.house.runner.runs).toEqual([]);
  expect(server.house.builds.recent(1)).toEqual([]);
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
});

describe("a body", () => {
  const large = Buffer.alloc(11 * 1024 * 1024, "x");

  test.for(["keep-alive", "close"])(
    "of 11 MiB that is announced is a 413 (Connection: %s)",
    async (connection) => {
      const { port } = await openServer();
      const head = `POST / HTTP/1.1\r\nHost: a\r\nConnection: ${connection}\r\nContent-Length: ${large.length}\r\n\r\n`;
      const rest =
        connection === "close" ? "" : "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
      const answer = await talk(port, head, large, rest);
      expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      expect(answer).toContain('"code":"body-too-large"');
      if (connection === "keep-alive") expect(answer).toContain('{"status":"alive"}');
    },
  );

  test.for(["keep-alive", "close"])("of 11 MiB in chunks is a 413 (Connection: %s)", async (connection) => {
    const { port } = await openServer();
    const head = `POST / HTTP/1.1\r\nHost: a\r\nConnection: ${connection}\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const chunk = Buffer.concat([
      Buffer.from("100000\r\n"),
      Buffer.alloc(0x100000, "x"),
      Buffer.from("\r\n"),
    ]);
    const rest =
      connection === "close" ? "" : "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    const answer = await talk(port, head, ...Array(11).fill(chunk), "0\r\n\r\n", rest);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"code":"body-too-large"');
    if (connection === "keep-alive") expect(answer).toContain('{"status":"alive"}');
  });

  test.for(["gzip", "br", "deflate", "gzip, identity", "x".repeat(500)])(
    "in the encoding %s is a 415",
    async (encoding) => {
      const answer = await post(await openServer(), demoRequest()).set("Content-Encoding", encoding);
      expect(answer.status).toBe(415);
      expect(answer.body).toEqual({ code: "unsupported-media", error: expect.any(String) });
      expect(answer.text.length).toBeLessThan(200);
    },
  );

  describe("over 256 KiB", () => {
    const large = (number: number) =>
      demoRequest((document) => {
        document.notes = number + "x".repeat(256 * 1024);
      });
    const postFrom = (address: string, server: TestServer, body: Buffer) =>
      post(server, body).set("X-Forwarded-For", address);

    test("waits its turn where four are being built; the largest that are known get in", async () => {
      const server = await openServer({ concurrency: 100, trustedProxies: 1 });
      const answers = [1, 2, 3, 4].map((number) =>
        postFrom(`192.0.2.${number % 2}`, server, large(number)).then(),
      );
      await eventually(() => server.house.runner.runs.length === 4);
      const refused = await postFrom("192.0.2.9", server, large(5));
      expect(refused.status).toBe(429);
      expect(refused.headers["retry-after"]).toBe("10");
      expect(refused.body.code).toBe("queue-full");
      server.house.runner.onRun = (run) => run.end();
      const largest = demoRequest((document) => {
        document.notes = "x".repeat(150_000);
      });
      expect((await post(server, largest)).status).toBe(200);
      for (const run of server.house.runner.runs) run.end();
      for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
      expect((await postFrom("192.0.2.9", server, large(5))).status).toBe(200);
    });

    test("is not kept out by one client's", async () => {
      const server = await openServer({ concurrency: 100, trustedProxies: 1 });
      const answers = [1, 2].map((number) => postFrom("192.0.2.1", server, large(number)).then());
      await eventually(() => server.house.runner.runs.length === 2);
      const held = [...server.house.runner.runs];
      server.house.runner.onRun = (run) => run.end();
      const refused = await postFrom("192.0.2.1", server, large(3));
      expect([refused.status, refused.body.code]).toEqual([429, "queue-full"]);
      expect((await postFrom("192.0.2.2", server, large(4))).status).toBe(200);
      for (const run of held) run.end();
      for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
      expect((await postFrom("192.0.2.1", server, large(3))).status).toBe(200);
    });
  });

  test("that is sound may be just below the limit", async () => {
    const server = await openQuick();
    const body = demoRequest((document) => {
      document.notes = "";
    });
    const padded = body
      .toString()
      .replace('"notes":""', `"notes":"${"x".repeat(10 * 1024 * 1024 - body.length)}"`);
    expect((await post(server, padded)).status).toBe(200);
    expect((await post(server, `${padded} `)).status).toBe(413);
  });

  test("that breaks off leaves nothing behind", async () => {
    const server = await openServer();
    const socket = connect(server.port, "localhost");
    socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{");
    await eventually(() => socket.bytesWritten > 0 && !socket.connecting);
    socket.destroy();
    await eventually(() => server.logged().some(({ msg, aborted }) => msg === "request" && aborted));
    expect(server.house.runner.runs).toEqual([]);
    expect(server.logged().filter(({ msg }) => msg === "unexpected error")).toEqual([]);
  });
});

test("a client that goes away while its build runs does not end it", async () => {
  const server = await openServer();
  const abort = new AbortController();
  const gone = fetch(`${server.url}/`, {
    method: "POST",
    body: new Uint8Array(demoRequest()),
    signal: abort.signal,
  }).catch((error: Error) => error.name);
  const run = await server.house.runner.next();
  abort.abort();
  expect(await gone).toBe("AbortError");
  await eventually(() => server.logged().some(({ msg, aborted }) => msg === "request" && aborted));
  expect(run.signal.aborted).toBe(false);
  run.end();
  await eventually(() => server.house.queue.size.running === 0);
  expect((await post(server, demoRequest())).body.success).toBe(true);
  expect(server.house.runner.runs.length).toBe(1);
});

describe("who asks", () => {
  async function counted(options: ServerOptions, headers: Record<string, string>) {
    const server = await openQuick(options);
    const answer = await post(server, demoRequest()).set(headers);
    expect(answer.status).toBe(200);
    return server.house.databases.stats.prepare("SELECT ip_addr, os, web FROM Requests").get();
  }

  test("is counted by a keyed hash, with system and kind of client", async () => {
    const agent = "Mozilla/5.0 (Windows NT 10.0) Configurator/1.0 Electron/9.0";
    expect(await counted({}, { "User-Agent": agent })).toEqual({
      ip_addr: expect.stringMatching(/^[0-9a-f]{32}$/),
      os: "Windows",
      web: 0,
    });
  });

  test("is who the last proxy says, where one is trusted", async () => {
    const headers = { "X-Forwarded-For": "203.0.113.1, 198.51.100.7" };
    const trusting = { rawAddresses: true, trustedProxies: 1 };
    expect(await counted(trusting, headers)).toMatchObject({ ip_addr: "198.51.100.7" });
    expect(await counted({ rawAddresses: true }, headers)).toMatchObject({
      ip_addr: expect.stringMatching(/^(127\.0\.0\.1|::1)$/),
    });
  });
});

test("an upload that announces itself with Expect is asked to go on", async () => {
  const server = await openQuick();
  const body = demoRequest();
  const socket = connect(server.port, "localhost");
  socket.write(
    `POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`,
  );
  const [first] = await once(socket, "data");
  expect(String(first)).toMatch(/^HTTP\/1\.1 100 /);
  let answer = "";
  socket.on("data", (data) => {
    answer += data;
  });
  socket.write(body);
  await once(socket, "close");
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
});
