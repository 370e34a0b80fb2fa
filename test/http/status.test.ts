import request from "supertest";
import { describe, expect, test } from "vitest";
import { demoRequest } from "../support/app.ts";
import { daemonAway, toolchainImage } from "../support/scripted-runner.ts";
import { openServer } from "../support/server.ts";

describe("GET /versions", () => {
  test("offers what has an image, with the facts of its release", async () => {
    const { url } = await openServer();
    const { status, headers, body } = await request(url).get("/versions");
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-cache",
    });
    const newest = {
      commit: 1222,
      date: "2020-03-20 20:13:21 -0700",
      hash: "e1a1d816199bf54f42432f6d9097171a1614b6a0",
      bcd: "4.c6",
      notes: "https://github.com/kiibohd/controller/releases/tag/v0.5.7",
    };
    expect(body).toEqual({ demo: null, latest: newest, nightly: newest, "v0.5.7": newest });
  });

  test.for([
    [1091, "4.67"],
    [1119, "4.95"],
    [1163, "4.8b"],
    [99, "0.99"],
    [100, "0.64"],
    [25_700, "64.64"],
  ] as const)("writes %d commits as bcd %s", async ([commit, bcd]) => {
    const { url, house } = await openServer();
    const labels = { "kiisrv.release.commit": String(commit), "kiisrv.release.hash": "abc" };
    house.runner.installed = [toolchainImage("demo", "sha256:1", labels)];
    const { body } = await request(url).get("/versions");
    expect(body).toEqual({ demo: { commit, bcd, hash: "abc", date: "", notes: "" } });
  });

  test("believes an image more than the table, but no empty label", async () => {
    const { url, house } = await openServer();
    const labels = {
      "kiisrv.release.commit": "1300",
      "kiisrv.release.date": "",
      "kiisrv.release.hash": "f00",
    };
    house.runner.installed = [toolchainImage("050", "sha256:1", labels)];
    const { body } = await request(url).get("/versions");
    expect(Object.keys(body)).toEqual(["lts", "v0.5.0"]);
    expect(body.lts).toMatchObject({ commit: 1300, hash: "f00", date: "2018-12-03 09:53:35 -0800" });
  });

  test("offers what was there last while the daemon is away, nothing if it never answered", async () => {
    const { url, house } = await openServer();
    const before = (await request(url).get("/versions")).body;
    house.runner.installed = daemonAway();
    house.forgetImages();
    expect((await request(url).get("/versions")).body).toEqual(before);
    const other = await openServer();
    other.house.runner.installed = daemonAway();
    expect((await request(other.url).get("/versions")).body).toEqual({});
  });
});

describe("GET /stats", () => {
  async function openCounted() {
    const server = await openServer();
    server.house.runner.onRun = (run) => run.end();
    const agents = ["Mozilla (Macintosh)", "Mozilla (X11; BSD)", "Configurator Electron/9 (Windows)"];
    for (const agent of agents) {
      await request(server.url).post("/").set("User-Agent", agent).send(demoRequest().toString());
    }
    return server;
  }

  test("is text as operators' scripts read it", async () => {
    const { url } = await openCounted();
    const { status, headers, text } = await request(url).get("/stats").set("Accept", "*/*");
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      "content-type": "text/plain; charset=utf-8",
      "cache-control": "no-store",
    });
    expect(text).toBe(`Builds: 3 (1 unique)
Cache ratio: 3.0
Avg time: 1.234 s

Users: 1 unique
Avg builds per user: 3.0
Average number of layers: 3

OS Counts: {
    "Linux": 1,
    "Mac": 1,
    "Windows": 1,
}
Platform Counts: {
    "Web": 2,
    "Desktop": 1,
}
Keyboard Counts: {
    "Demo-Standard": 3,
}
Version Counts: {
    "controller-demo": 3,
}

`);
  });

  test("is text for who says nothing, and JSON for who asks for it", async () => {
    const { url } = await openCounted();
    const type = async (accept?: string) => {
      const asked = request(url).get("/stats");
      return (await (accept === undefined ? asked : asked.set("Accept", accept))).type;
    };
    expect(await type()).toBe("text/plain");
    expect(await type("text/html, */*;q=0.8")).toBe("text/plain");
    expect(await type("image/png")).toBe("text/plain");
    expect(await type("application/json")).toBe("application/json");
    const { body, headers } = await request(url).get("/stats").set("Accept", "application/json");
    expect(headers.vary).toMatch(/Accept/);
    expect(body).toMatchObject({ builds: 3, uniqueBuilds: 1, users: 1, layers: 9, buildMilliseconds: 1234 });
  });
});

describe("health", () => {
  test("the process is alive, whatever is missing", async () => {
    const { url, house } = await openServer();
    house.runner.installed = daemonAway();
    const { status, body, headers } = await request(url).get("/healthz");
    expect([status, body]).toEqual([200, { status: "alive" }]);
    expect(headers["cache-control"]).toBe("no-store");
  });

  test("it is ready when all is there", async () => {
    const { url } = await openServer();
    const { status, body, headers } = await request(url).get("/readyz");
    expect(status).toBe(200);
    const checks = { database: "ok", daemon: "ok", images: "ok", disk: "ok", draining: "ok" };
    expect(body).toEqual({ status: "ready", checks, problems: null });
    expect(headers["cache-control"]).toBe("no-store");
  });

  test("what is known to be wrong is told, and is no reason not to build", async () => {
    const problems = [{ id: "machine.git", title: "git is there", status: "fail" as const }];
    const { url } = await openServer({ problems });
    const { status, body } = await request(url).get("/readyz");
    expect(status).toBe(200);
    expect(body.problems).toEqual(problems);
  });

  test("a daemon that went away is named, and seen when it is back", async () => {
    const { url, house } = await openServer();
    const images = house.runner.installed;
    await request(url).get("/readyz");
    house.runner.installed = daemonAway();
    house.forgetImages();
    const { status, body } = await request(url).get("/readyz");
    expect(status).toBe(503);
    expect(body).toEqual({
      status: "not ready",
      checks: { database: "ok", daemon: daemonAway().message, images: "ok", disk: "ok", draining: "ok" },
      problems: null,
      error: daemonAway().message,
    });
    house.runner.installed = images;
    house.forgetImages();
    expect((await request(url).get("/readyz")).status).toBe(200);
  });

  test("missing images are named", async () => {
    const { url, house } = await openServer();
    house.runner.installed = [];
    const { status, body } = await request(url).get("/readyz");
    expect(status).toBe(503);
    expect(body.checks).toMatchObject({
      database: "ok",
      daemon: "ok",
      images: expect.stringMatching(/no image/),
    });
  });

  test("a database that took nothing the last time is named until it does", async () => {
    const { url, house } = await openServer();
    const { builds } = house.databases;
    builds.pragma("query_only = ON");
    // Nobody has wanted to write yet.
    expect((await request(url).get("/readyz")).status).toBe(200);
    expect((await request(url).post("/").send(demoRequest().toString())).status).toBe(507);
    for (let round = 0; round < 2; round++) {
      const { status, body } = await request(url).get("/readyz");
      expect(status).toBe(503);
      expect(body.checks.database).toMatch(/^the database cannot be written: /);
    }
    builds.pragma("query_only = OFF");
    expect((await request(url).get("/readyz")).status).toBe(200);
  });

  test("a database that cannot be read is named", async () => {
    const { url, house } = await openServer();
    house.databases.builds.exec("DROP TABLE Builds");
    const { status, body } = await request(url).get("/readyz");
    expect(status).toBe(503);
    expect(body.checks).toMatchObject({ database: expect.stringMatching(/cannot be read/), daemon: "ok" });
    expect(body.error).toMatch(/database/);
  });
});
