import request from "supertest";
import { describe, expect, test } from "vitest";
import { eventually } from "../support/app.ts";
import { openServer, talk } from "../support/server.ts";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe("a request id", () => {
  test.for(["abc-1.2_X", "a", "x".repeat(64)])("that is sane is kept: %s", async (id) => {
    const server = await openServer();
    const { headers } = await request(server.url).get("/healthz").set("X-Request-Id", id);
    expect(headers["x-request-id"]).toBe(id);
    expect(server.logged().map((line) => line.request)).toEqual([id]);
  });

  test.for(["", "a b", 'a"b', "x".repeat(65), "a;b", "å"])("that is not is replaced: %s", async (id) => {
    const { url } = await openServer();
    const { headers } = await request(url)
      .get("/healthz")
      .set("X-Request-Id", Buffer.from(id).toString("latin1"));
    expect(headers["x-request-id"]).toMatch(uuid);
  });

  test("is given to who brings none, a new one each time", async () => {
    const { url } = await openServer();
    const answers = await Promise.all([1, 2].map(() => request(url).get("/nowhere")));
    const ids = answers.map(({ headers }) => headers["x-request-id"]);
    expect(new Set(ids).size).toBe(2);
    for (const id of ids) expect(id).toMatch(uuid);
  });
});

test("each request is one line of the log, checks of health a quiet one", async () => {
  const server = await openServer();
  await request(server.url).get("/stats?x=secret").set("X-Request-Id", "one");
  await request(server.url).get("/healthz");
  expect(server.logged()).toMatchObject([
    { level: 30, request: "one", method: "GET", path: "/stats", status: 200, aborted: false, msg: "request" },
    { level: 20, path: "/healthz" },
  ]);
});

describe("a page of another origin", () => {
  const origin = "https://configurator.example";

  test("may ask everything, and read what clients need", async () => {
    const { url } = await openServer();
    for (const path of ["/versions", "/stats", "/layouts/Demo-Standard.json", "/nowhere", "/tmp/x.zip"]) {
      const { headers } = await request(url).get(path).set("Origin", origin);
      expect([path, headers["access-control-allow-origin"]]).toEqual([path, "*"]);
      expect(headers["access-control-expose-headers"]).toContain("X-Request-Id");
      expect(headers["access-control-allow-credentials"]).toBeUndefined();
    }
  });

  test.for(["/", "/download.php"])("may post to %s", async (path) => {
    const { url } = await openServer();
    const { status, headers } = await request(url).options(path).set({
      Origin: origin,
      "Access-Control-Request-Method": "POST",
      "Access-Control-Request-Headers": "content-type",
    });
    expect(status).toBe(204);
    expect(headers).toMatchObject({
      "access-control-allow-origin": "*",
      "access-control-allow-methods": expect.stringContaining("POST"),
      "access-control-allow-headers": "content-type",
      "access-control-max-age": "86400",
    });
  });
});

describe("a path", () => {
  test.for(["/nowhere", "/favicon.ico", "/tmp/", "/tmp/a/b.zip", "/layouts/a/b.json", "/%00", "/%E0%A4%A"])(
    "that is not there is a 404 in JSON: %s",
    async (path) => {
      const { port } = await openServer();
      const response = await fetch(`http://localhost:${port}${path}`);
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual({ error: `there is no ${path} here`, code: "not-found" });
    },
  );

  test.for([
    ["GET", "/", "POST"],
    ["GET", "/download.php", "POST"],
    ["PUT", "/", "POST"],
    ["POST", "/stats", "HEAD, GET"],
    ["DELETE", "/tmp/a.zip", "HEAD, GET"],
    ["PROPFIND", "/versions", "HEAD, GET"],
  ] as const)("that does not answer to the method is a 405: %s %s", async ([method, path, allow]) => {
    const { url } = await openServer();
    const response = await fetch(url + path, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("Allow")).toBe(allow);
    expect(await response.json()).toEqual({
      error: `${path} answers to ${allow} only`,
      code: "method-not-allowed",
    });
  });

  test("tells the methods it answers to, where it is one", async () => {
    const { url } = await openServer();
    const known = await request(url).options("/versions");
    expect([known.status, known.headers.allow]).toEqual([200, "HEAD, GET"]);
    expect((await request(url).options("/nowhere")).status).toBe(404);
    expect((await fetch(`${url}/nowhere`, { method: "PROPFIND" })).status).toBe(404);
  });

  test.for(["/healthz", "/versions", "/stats", "/layouts/Demo-Standard.json"])(
    "answers to HEAD as to GET, without the body: %s",
    async (path) => {
      const { url } = await openServer();
      const [get, head] = await Promise.all([request(url).get(path), request(url).head(path)]);
      expect(head.status).toBe(200);
      for (const name of ["content-type", "content-length", "etag", "cache-control"]) {
        expect([name, head.headers[name]]).toEqual([name, get.headers[name]]);
      }
      expect(head.text).toBeUndefined();
    },
  );
});

test("a target that is no address is a 400, and the server lives on", async () => {
  const server = await openServer();
  const answer = await talk(
    server.port,
    "GET http://[::1/stats HTTP/1.1\r\nHost: kiisrv\r\nConnection: close\r\n\r\n",
  );
  expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  expect(answer).toContain('"code":"bad-request"');
  await eventually(() => server.logged().some(({ path }) => path === "http://[::1/stats"));
  expect((await request(server.url).get("/healthz")).status).toBe(200);
});
