import request from "supertest";
import { describe, expect, test } from "vitest";
import type { Scope } from "../../src/store/keys.ts";
import { demoRequest, differentRequest, eventually } from "../support/app.ts";
import { openServer, type ServerOptions, type TestServer } from "../support/server.ts";

interface Guarded extends TestServer {
  add(name: string, scope?: Scope): string;
}

async function open(options: ServerOptions = {}): Promise<Guarded> {
  const server = await openServer({ trustedProxies: 1, ...options });
  server.house.runner.onRun = (run) => run.end();
  const add = (name: string, scope: Scope = "build") =>
    server.house.keys.add({ name, scope, expires: null }, "user 0");
  return { ...server, add };
}

function bearer(key: string) {
  return { Authorization: `Bearer ${key}` };
}

const post = (server: TestServer, headers: Record<string, string> = {}) =>
  request(server.url).post("/").set(headers).send(demoRequest().toString());

describe("without a key", () => {
  test("a server that requires none does all it ever did", async () => {
    const server = await open();
    expect((await post(server)).status).toBe(200);
    expect((await request(server.url).get("/stats")).headers).not.toHaveProperty("www-authenticate");
  });

  test("a server that requires one for builds refuses those alone", async () => {
    const server = await open({ requireKey: "builds" });
    const refused = await post(server);
    expect(refused.status).toBe(401);
    expect(refused.body).toEqual({ error: "this takes an API key", code: "key-required" });
    expect(refused.headers["www-authenticate"]).toBe('Bearer realm="kiisrv"');
    for (const path of ["/versions", "/stats", "/layouts/Demo-Standard.json", "/healthz"]) {
      expect([path, (await request(server.url).get(path)).status]).toEqual([path, 200]);
    }
    expect(server.house.runner.runs).toEqual([]);
  });

  test("a server that requires one for all answers about its health, and preflights", async () => {
    const server = await open({ requireKey: "all" });
    for (const path of [
      "/versions",
      "/stats",
      "/layouts",
      "/tmp/a.zip",
      "/nowhere",
      "/HEALTHZ",
      "/healthz/",
    ]) {
      expect([path, (await request(server.url).get(path)).status]).toEqual([path, 401]);
    }
    for (const path of ["/healthz", "/readyz"]) {
      expect([path, (await request(server.url).get(path)).status]).toEqual([path, 200]);
    }
    const preflight = { Origin: "https://a", "Access-Control-Request-Method": "POST" };
    const { status, headers } = await request(server.url)
      .options("/")
      .set({ ...preflight, "Access-Control-Request-Headers": "authorization" });
    expect([status, headers["access-control-allow-headers"]]).toEqual([204, "authorization"]);
  });
});

describe("with a key", () => {
  test.for([
    (key: string) => bearer(key),
    (key: string) => ({ Authorization: `bEaReR   ${key} ` }),
    (key: string) => ({ "X-API-Key": key }),
    (key: string) => ({ Authorization: "Basic Zm9vOmJhcg==", "X-API-Key": key }),
  ])("builds are done", async (headersWith) => {
    const server = await open({ requireKey: "all" });
    expect((await post(server, headersWith(server.add("bench")))).status).toBe(200);
  });

  test("of scope admin builds are done, too", async () => {
    const server = await open({ requireKey: "builds" });
    expect((await post(server, bearer(server.add("root", "admin")))).status).toBe(200);
  });

  test("a caller is told apart by it: in budgets, turns and what is stored", async () => {
    const server = await open({ rateRequests: 1 });
    const [ada, bob] = [server.add("ada"), server.add("bob")];
    const statuses: number[] = [];
    for (const headers of [bearer(ada), bearer(bob), {}, bearer(ada), {}]) {
      statuses.push((await request(server.url).get("/versions").set(headers)).status);
    }
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
  });

  test("a build is stored and logged as that key's, and the log never holds the key", async () => {
    const server = await open();
    const key = server.add("bench");
    const { body } = await post(server, bearer(key));
    const [, id] = key.split("_");
    expect(server.house.builds.recent(1)).toMatchObject([{ client: `key-${id}` }]);
    expect(server.house.audit.read()[0]).toMatchObject({
      event: "build",
      who: "key bench",
      what: body.filename.slice("./tmp/".length),
    });
    await eventually(() => server.logged().some(({ msg }) => msg === "request"));
    expect(JSON.stringify(server.logged())).not.toContain(key.slice(-64));
  });

  test("its last use is noted", async () => {
    const server = await open();
    await request(server.url)
      .get("/versions")
      .set(bearer(server.add("bench")));
    expect(server.house.keys.list()[0]?.used).toBeLessThanOrEqual(Date.now());
  });
});

describe("a key that is not good", () => {
  test("is refused, even where none is required, and from the moment it was revoked", async () => {
    const server = await open();
    const key = server.add("bench");
    expect((await post(server, bearer(key))).status).toBe(200);
    server.house.keys.revoke("bench", "user 0");
    const refused = await post(server, bearer(key));
    expect([refused.status, refused.body]).toEqual([401, { error: "this key was revoked", code: "bad-key" }]);
    expect(refused.headers["www-authenticate"]).toBe('Bearer realm="kiisrv", error="invalid_token"');
  });

  test("is written to the audit log, but nothing of it", async () => {
    const server = await open();
    const guess = `kiisrv_0123abcd_${"5eed".repeat(16)}`;
    for (let count = 0; count < 3; count++)
      await post(server, { ...bearer(guess), "X-Forwarded-For": "192.0.2.1" });
    const entries = server.house.audit.read();
    expect(entries).toMatchObject([
      {
        event: "key-refused",
        who: expect.stringMatching(/^client [0-9a-f]{32}$/),
        what: "POST /: this key is not known here",
        count: 1,
      },
    ]);
    expect(JSON.stringify(entries)).not.toMatch(/5eed|0123abcd|192\.0\.2/);
  });

  test("uses up its network's budget, so that guessing has a bound", async () => {
    const server = await open({ rateRequests: 2 });
    const statuses: number[] = [];
    for (let count = 0; count < 3; count++) {
      const guess = `kiisrv_0000000${count}_${"0".repeat(64)}`;
      statuses.push((await request(server.url).get("/versions").set(bearer(guess))).status);
    }
    expect(statuses).toEqual([401, 401, 429]);
  });

  test.for(["Basic Zm9vOmJhcg==", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", "Bearer", "kiisrv_nothing", ""])(
    "is not what else stands there: '%s'",
    async (header) => {
      const server = await open();
      expect((await post(server, { Authorization: header })).status).toBe(200);
    },
  );
});

describe("administration", () => {
  const paths = [
    "/admin/builds",
    "/admin/builds/x",
    "/admin/audit",
    "/admin/keys",
    "/admin/drain",
    "/ADMIN/keys/",
    "/admin//keys",
  ];

  test("is not there while there is no admin key", async () => {
    const server = await open();
    const key = server.add("bench");
    for (const path of paths) {
      for (const headers of [{}, bearer(key)]) {
        const { status, body } = await request(server.url).get(path).set(headers);
        expect([path, status, body.code]).toEqual([path, 404, "not-found"]);
      }
    }
  });

  test("takes an admin key", async () => {
    const server = await open();
    const [admin, build] = [server.add("root", "admin"), server.add("bench")];
    const ask = (headers: Record<string, string>) => request(server.url).get("/admin/keys").set(headers);
    expect((await ask({})).status).toBe(401);
    const refused = await ask(bearer(build));
    expect([refused.status, refused.body.code]).toEqual([403, "wrong-scope"]);
    expect(refused.headers["www-authenticate"]).toContain('error="insufficient_scope"');
    const { status, headers, body } = await ask(bearer(admin));
    expect([status, headers["cache-control"]]).toEqual([200, "no-store"]);
    expect(body.keys.map(({ name }: { name: string }) => name).sort()).toEqual(["bench", "root"]);
    expect(JSON.stringify(body)).not.toMatch(/hash|kiisrv_/);
    expect((await request(server.url).get("/ADMIN/keys/")).status).toBe(401);
  });

  test("shows builds with who asked, and one with its log", async () => {
    const server = await open();
    const admin = bearer(server.add("root", "admin"));
    await post(server);
    const { body } = await request(server.url).get("/admin/builds?limit=5").set(admin);
    expect(body.builds).toMatchObject([
      { board: "Demo", status: "succeeded", client: expect.stringMatching(/^[0-9a-f]{32}$/) },
    ]);
    const [{ id }] = body.builds;
    const one = await request(server.url).get(`/admin/builds/${id}`).set(admin);
    expect(one.body).toMatchObject({ id, log: expect.any(String) });
    expect((await request(server.url).get("/admin/builds/none").set(admin)).status).toBe(404);
  });

  test("shows the audit log, in which acts stand and looks do not", async () => {
    const server = await open();
    const admin = bearer(server.add("root", "admin"));
    const since = Date.now() - 60_000;
    await request(server.url).get("/admin/builds").set(admin);
    await request(server.url).delete("/admin/drain").set(admin);
    const { body } = await request(server.url).get(`/admin/audit?since=${since}&limit=10`).set(admin);
    expect(body.entries).toMatchObject([
      { event: "admin", who: "key root", what: "DELETE /admin/drain" },
      { event: "key-added", who: "user 0" },
    ]);
  });

  test.for(["limit=0x10", "limit=-1", "limit=1001", "limit=", "limit=1&limit=2", "since=yesterday"])(
    "takes numbers only: %s",
    async (query) => {
      const server = await open();
      const admin = bearer(server.add("root", "admin"));
      const { status, body } = await request(server.url).get(`/admin/audit?${query}`).set(admin);
      expect([status, body.code]).toEqual([400, "bad-request"]);
    },
  );
});

test("a server that is drained takes no new builds, finishes those it has, and serves what is kept", async () => {
  const server = await open();
  const admin = bearer(server.add("root", "admin"));
  const drain = (method: "get" | "put" | "delete") => request(server.url)[method]("/admin/drain").set(admin);
  expect((await post(server)).status).toBe(200);
  server.house.runner.onRun = () => {};
  const running = request(server.url)
    .post("/")
    .send(differentRequest(1).toString())
    .then(({ status }) => status);
  await eventually(() => server.house.runner.runs.length === 2);

  expect((await drain("put")).body).toEqual({ draining: true, running: 1, waiting: 0 });
  const refused = await request(server.url).post("/").send(differentRequest(2).toString());
  expect([refused.status, refused.body.code, refused.headers["retry-after"]]).toEqual([
    503,
    "draining",
    "60",
  ]);
  expect((await post(server)).status).toBe(200);
  expect((await request(server.url).get("/readyz")).body).toMatchObject({
    status: "not ready",
    checks: { draining: refused.body.error },
  });
  server.house.runner.runs[1]?.end();
  expect(await running).toBe(200);

  // What an administrator said is no fault, and no place in the program tells more of it.
  expect(server.logged().filter(({ level }) => Number(level) >= 40)).toMatchObject([
    { level: 40, code: "draining" },
  ]);
  expect((await drain("delete")).body).toEqual({ draining: false, running: 0, waiting: 0 });
  server.house.runner.onRun = (run) => run.end();
  expect((await request(server.url).post("/").send(differentRequest(2).toString())).status).toBe(200);
  const acts = server.house.audit.read().filter(({ event }) => event === "admin");
  expect(acts.map(({ what }) => what)).toEqual(["DELETE /admin/drain", "PUT /admin/drain"]);
});
