import { connect } from "node:net";
import request from "supertest";
import { describe, expect, onTestFinished, test } from "vitest";
import { Budget } from "../../src/http/rates.ts";
import { demoRequest, differentRequest, eventually } from "../support/app.ts";
import { openServer, type ServerOptions, type TestServer, talk } from "../support/server.ts";

describe("a budget", () => {
  /** Ten in a hundred seconds. */
  function open(quota = 10) {
    const clock = { now: 0 };
    const budget = new Budget(quota, 100, () => clock.now);
    const takeAll = (caller: string) => {
      let taken = 0;
      while (budget.take(caller) === 0) taken++;
      return taken;
    };
    return { clock, budget, takeAll };
  }

  test("is there at once, and comes back evenly", () => {
    const { clock, takeAll } = open();
    expect(takeAll("ada")).toBe(10);
    clock.now += 25;
    expect(takeAll("ada")).toBe(2);
    clock.now += 5;
    expect(takeAll("ada")).toBe(1);
    clock.now += 1e6;
    expect(takeAll("ada")).toBe(10);
  });

  test("says how long it is until there is some, to the point", () => {
    const { clock, budget, takeAll } = open();
    takeAll("ada");
    clock.now += 4;
    expect(budget.take("ada")).toBeCloseTo(6);
    clock.now += 5.999;
    expect(budget.take("ada")).toBeGreaterThan(0);
    clock.now += 0.002;
    expect(budget.take("ada")).toBe(0);
  });

  test("never lets more pass than the quota and what came back, whenever it is asked", () => {
    const { clock, budget } = open();
    let passed = 0;
    for (; clock.now < 1000; clock.now += 0.37) if (budget.take("ada") === 0) passed++;
    expect(passed).toBeLessThanOrEqual(10 + 100);
    expect(passed).toBeGreaterThanOrEqual(10 + 98);
  });

  test("is each caller's own", () => {
    const { takeAll } = open();
    takeAll("ada");
    expect(takeAll("bob")).toBe(10);
  });

  test("that is given back can be taken again, and no more than that", () => {
    const { budget, takeAll } = open();
    budget.giveBack("ada");
    expect(takeAll("ada")).toBe(10);
    budget.giveBack("ada");
    expect(takeAll("ada")).toBe(1);
  });

  test("tells what is left, and when it is whole again", () => {
    const { budget, clock } = open();
    for (const _ of [1, 2, 3]) budget.take("ada");
    clock.now += 1.5;
    expect(budget.left("ada")).toEqual({ tokens: 7, seconds: 29 });
  });

  test("of none is no limit, and remembers nobody", () => {
    const { budget } = open(0);
    for (let count = 0; count < 1000; count++) expect(budget.take("ada")).toBe(0);
    expect(budget.size).toBe(0);
  });

  test("remembers those who came last, and no more of them than it has room for", () => {
    const { budget, takeAll } = open();
    takeAll("ada");
    for (let count = 0; count < 25_000; count++) budget.take(`other ${count}`);
    expect(takeAll("ada")).toBe(0);
    for (let count = 0; count < 200_000; count++) budget.take(`stranger ${count}`);
    expect(budget.size).toBeLessThanOrEqual(50_000);
    expect(takeAll("ada")).toBe(10);
  });
});

async function openQuick(options: ServerOptions): Promise<TestServer> {
  const server = await openServer({ trustedProxies: 1, ...options });
  server.house.runner.onRun = (run) => run.end();
  return server;
}

describe("requests", () => {
  const ask = (server: TestServer, address: string, path = "/versions") =>
    request(server.url).get(path).set("X-Forwarded-For", address);

  test("are counted down, then refused until there is room again", async () => {
    const server = await openQuick({ rateRequests: 2 });
    const first = await ask(server, "192.0.2.1");
    expect(first.headers).toMatchObject({
      "ratelimit-policy": '"requests";q=2;w=60',
      ratelimit: expect.stringMatching(/^"requests";r=1;t=\d+$/),
    });
    expect((await ask(server, "192.0.2.1")).headers.ratelimit).toMatch(/;r=0;/);
    const refused = await ask(server, "192.0.2.1");
    expect(refused.status).toBe(429);
    expect(refused.body).toEqual({
      error: expect.stringMatching(/^too many requests from here/),
      code: "rate-limited",
    });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThanOrEqual(1);
    expect(Number(refused.headers["retry-after"])).toBeLessThanOrEqual(30);
    expect(refused.headers.ratelimit).toMatch(/;r=0;/);
    expect(refused.headers["access-control-expose-headers"]).toMatch(
      /RateLimit,RateLimit-Policy,Retry-After/,
    );
  });

  test.for([
    ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9"],
    ["192.0.2.1", "::ffff:192.0.2.1"],
  ] as const)("of one network are one client's: %s, %s", async ([one, other]) => {
    const server = await openQuick({ rateRequests: 1 });
    expect((await ask(server, one)).status).toBe(200);
    expect((await ask(server, other)).status).toBe(429);
  });

  test.for([
    ["2001:db8:1:2::1", "2001:db8:1:3::1"],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.2"],
  ] as const)("of another are not: %s, %s", async ([one, other]) => {
    const server = await openQuick({ rateRequests: 1 });
    expect((await ask(server, one)).status).toBe(200);
    expect((await ask(server, other)).status).toBe(200);
  });

  test("about health are always answered", async () => {
    const server = await openQuick({ rateRequests: 1 });
    for (const path of ["/healthz", "/readyz", "/healthz", "/readyz"]) {
      expect((await ask(server, "192.0.2.1", path)).status).toBe(200);
    }
  });

  test("are not limited where that is off, and nothing is told", async () => {
    const server = await openQuick({});
    expect((await ask(server, "192.0.2.1")).headers).not.toHaveProperty("ratelimit");
  });
});

describe("builds", () => {
  const post = (server: TestServer, body: Buffer | string, address = "192.0.2.1") =>
    request(server.url).post("/").set("X-Forwarded-For", address).send(body.toString());

  test("that run are counted; cached and refused ones are not", async () => {
    const server = await openQuick({ rateBuilds: 2, rateRequests: 100 });
    const statuses: number[] = [];
    for (const body of [demoRequest(), demoRequest(), "no json", demoRequest(), differentRequest(1)]) {
      statuses.push((await post(server, body)).status);
    }
    expect(statuses).toEqual([200, 200, 400, 200, 200]);
    const refused = await post(server, differentRequest(2));
    expect(refused.status).toBe(429);
    expect(refused.body).toMatchObject({
      code: "rate-limited",
      error: expect.stringContaining("too many builds"),
    });
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(60);
    expect(refused.headers["ratelimit-policy"]).toBe('"requests";q=100;w=60, "builds";q=2;w=3600');
    expect(refused.headers.ratelimit).toMatch(/^"requests";r=94;t=\d+, "builds";r=0;t=\d+$/);
    expect((await post(server, demoRequest())).status).toBe(200);
    expect((await post(server, differentRequest(2), "192.0.2.2")).status).toBe(200);
    expect(server.house.runner.runs.length).toBe(3);
  });

  test("under way are counted already, and given back when they fail for the server's fault", async () => {
    const server = await openServer({ rateBuilds: 1, trustedProxies: 1 });
    const waiting = post(server, demoRequest()).then(({ status }) => status);
    await eventually(() => server.house.runner.runs.length === 1);
    expect((await post(server, differentRequest(1))).status).toBe(429);
    server.house.runner.runs[0]?.fail(new Error("the disk caught fire"));
    expect(await waiting).toBe(500);
    server.house.runner.onRun = (run) => run.end();
    expect((await post(server, differentRequest(1))).status).toBe(200);
  });
});

describe("layouts that are not known", () => {
  const post = (server: TestServer, body: Buffer | string, address = "192.0.2.1") =>
    request(server.url).post("/").set("X-Forwarded-For", address).send(body.toString());

  async function codesOf(answers: ReturnType<typeof post>[]): Promise<(number | string)[]> {
    const codes: (number | string)[] = [];
    for (const answer of answers) {
      const { status, body } = await answer;
      codes.push(body.code ?? status);
    }
    return codes;
  }

  test("are counted, sound or not; the same again are not", async () => {
    const server = await openQuick({ rateLayouts: 3, rateBuilds: 9 });
    const sound = [1, 1, 2, 1].map((number) => post(server, differentRequest(number)));
    expect(await codesOf(sound)).toEqual([200, 200, 200, 200]);
    expect(await codesOf([post(server, "no json")])).toEqual(["bad-json"]);
    const refused = await post(server, "no json");
    expect([refused.status, refused.body]).toEqual([
      429,
      { error: expect.stringMatching(/^too many layouts from here/), code: "rate-limited" },
    ]);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThanOrEqual(1);
    expect(Number(refused.headers["retry-after"])).toBeLessThanOrEqual(20);
    expect(refused.headers["ratelimit-policy"]).toBe('"layouts";q=3;w=60, "builds";q=9;w=3600');
    expect(refused.headers.ratelimit).toMatch(/^"layouts";r=0;t=\d+, "builds";r=7;t=\d+$/);
    expect(await codesOf([post(server, differentRequest(2))])).toEqual([200]);
    expect(await codesOf([post(server, differentRequest(3), "192.0.2.2")])).toEqual([200]);
  });

  test("are counted for who has no builds left", async () => {
    const server = await openQuick({ rateLayouts: 3, rateBuilds: 1 });
    const errors: string[] = [];
    for (const number of [1, 2, 3, 4]) errors.push((await post(server, differentRequest(number))).body.error);
    const [, ...refused] = errors.map((error) => error?.split(" from ", 1)[0]);
    expect(refused).toEqual(["too many builds", "too many builds", "too many layouts"]);
  });

  test("are counted where none can wait, however often the same is posted", async () => {
    const server = await openServer({ rateLayouts: 3, concurrency: 1, queueLength: 0, trustedProxies: 1 });
    const running = post(server, differentRequest(1), "192.0.2.2").then(({ status }) => status);
    const run = await server.house.runner.next();
    const again = [2, 2, 2, 2].map((number) => post(server, differentRequest(number)));
    expect(await codesOf(again)).toEqual(["queue-full", "queue-full", "queue-full", "rate-limited"]);
    run.end();
    expect(await running).toBe(200);
  });
});

test("who shares a build under way spends nothing, and is not refused for who began it", async () => {
  const server = await openServer({ rateBuilds: 1, trustedProxies: 1 });
  const post = (number: number, address: string) =>
    request(server.url).post("/").set("X-Forwarded-For", address).send(differentRequest(number).toString());
  const statuses = [post(1, "192.0.2.1"), post(1, "192.0.2.1"), post(1, "192.0.2.2")].map((one) =>
    one.then(({ status }) => status),
  );
  await eventually(() => server.house.runner.runs.length === 1);
  const other = post(2, "192.0.2.2").then(({ status }) => status);
  await eventually(() => server.house.runner.runs.length === 2);
  for (const run of server.house.runner.runs) run.end();
  expect(await Promise.all([...statuses, other])).toEqual([200, 200, 200, 200]);
});

test("requests of one client under way at once are bounded, and no others", async () => {
  const server = await openServer({ connectionsPerClient: 2, trustedProxies: 1 });
  const post = (number: number, address: string) =>
    request(server.url).post("/").set("X-Forwarded-For", address).send(differentRequest(number).toString());
  const waiting = [post(1, "192.0.2.1"), post(2, "192.0.2.1")].map((one) => one.then(({ status }) => status));
  await eventually(() => server.house.runner.runs.length === 2);
  const refused = await post(3, "192.0.2.1");
  expect([refused.status, refused.body.code, refused.headers["retry-after"]]).toEqual([
    429,
    "rate-limited",
    "1",
  ]);
  expect((await request(server.url).get("/versions").set("X-Forwarded-For", "192.0.2.2")).status).toBe(200);
  expect((await request(server.url).get("/healthz").set("X-Forwarded-For", "192.0.2.1")).status).toBe(200);
  for (const run of server.house.runner.runs) run.end();
  expect(await Promise.all(waiting)).toEqual([200, 200]);
  server.house.runner.onRun = (run) => run.end();
  expect((await post(3, "192.0.2.1")).status).toBe(200);
});

describe("requests under way", () => {
  /** As it goes over the wire. */
  function raw(method: string, path: string, headers: string[] = [], body: Buffer | string = ""): string {
    const length = body === "" ? [] : [`Content-Length: ${body.length}`];
    return [`${method} ${path} HTTP/1.1`, "Host: a", ...length, ...headers, "", body.toString()].join("\r\n");
  }

  const statusesOf = (answers: string) =>
    [...answers.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));

  test("are those whose answer waits for its turn, too", async () => {
    const server = await openServer({ connectionsPerClient: 5 });
    const answers = talk(
      server.port,
      raw("POST", "/", [], demoRequest()),
      raw("GET", "/versions").repeat(9),
      raw("GET", "/versions", ["Connection: close"]),
    );
    const run = await server.house.runner.next();
    await eventually(async () => (await request(server.url).get("/versions")).status === 429);
    run.end();
    const all = statusesOf(await answers);
    expect([all.length, all.filter((status) => status === 200).length]).toEqual([11, 5]);
    await eventually(async () => (await request(server.url).get("/versions")).status === 200);
  });

  test("are over when the client goes away", async () => {
    const server = await openServer({ connectionsPerClient: 5 });
    server.house.runner.onRun = (run) => run.end();
    const { body } = await request(server.url).post("/").send(demoRequest().toString());
    await server.house.runner.next();
    server.house.runner.onRun = undefined;
    const zip = body.filename.slice(1);
    for (const asked of [
      [raw("GET", "/layouts/Demo-Standard.json"), raw("GET", zip), raw("HEAD", zip), raw("GET", "/nonesuch")],
      [raw("POST", "/", ["Content-Length: 1000"])],
      ["nonsense\r\n\r\n"],
    ]) {
      const socket = connect(server.port, "localhost");
      onTestFinished(() => void socket.destroy());
      socket.write([raw("POST", "/", [], differentRequest(1)), ...asked].join(""));
      const run = await server.house.runner.next();
      socket.destroy();
      run.fail(new Error("not to be kept"));
      await eventually(async () => {
        const five = Array.from({ length: 5 }, () => request(server.url).get("/versions"));
        return (await Promise.all(five)).every(({ status }) => status === 200);
      });
    }
  });

  test("are over with their answer, whatever it is", { timeout: 60_000 }, async () => {
    const server = await openServer({ connectionsPerClient: 1 });
    server.house.runner.onRun = (run) => run.end();
    const { body } = await request(server.url).post("/").send(demoRequest().toString());
    const zip = body.filename.slice(1);
    const { etag = "" } = (await request(server.url).get(zip)).headers;
    const had = [`If-None-Match: ${etag}`];
    const closing: typeof raw = (method, path, headers = [], body = "") =>
      raw(method, path, ["Connection: close", ...headers], body);
    const kinds: [number, string][] = [
      [200, closing("GET", "/versions")],
      [200, closing("HEAD", "/versions")],
      [200, closing("GET", zip)],
      [200, closing("HEAD", zip)],
      [304, closing("GET", zip, had)],
      [206, closing("GET", zip, ["Range: bytes=0-3"])],
      [416, closing("GET", zip, ["Range: bytes=99999999-"])],
      [404, closing("GET", "/nonesuch")],
      [405, closing("PUT", "/versions")],
      [400, closing("POST", "/", [], "no json")],
      [200, closing("POST", "/", [], demoRequest())],
      [200, closing("POST", "/", ["Expect: 100-continue"], demoRequest())],
      [204, closing("OPTIONS", "/", ["Origin: http://a", "Access-Control-Request-Method: POST"])],
      [200, closing("GET", "/versions", ["Connection: upgrade", "Upgrade: websocket"])],
    ];
    // Twice: what does not leave is in the way of the next one.
    for (const [status, asked] of [...kinds, ...kinds]) {
      const last = asked.replace("Host: a", "Host: a\r\nConnection: close");
      const answers = async () =>
        statusesOf(await talk(server.port, asked.includes("Upgrade:") ? asked : last));
      await expect.poll(answers, { message: asked.slice(0, 200), timeout: 5_000 }).toContain(status);
    }
  });
});
