import request from "supertest";
import { describe, expect, test } from "vitest";
import { demoRequest } from "../support/app.ts";
import { openServer } from "../support/server.ts";

const always = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "cross-origin",
  "content-security-policy":
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

test("every answer has the security headers: data, files, errors and preflights", async () => {
  const { url, house } = await openServer();
  house.runner.onRun = (run) => run.end();
  const built = await request(url).post("/").send(demoRequest().toString());
  const answers = {
    built,
    zip: await request(url).get(built.body.filename.slice(1)),
    unchanged: await request(url).get(built.body.filename.slice(1)).set("If-None-Match", "*"),
    range: await request(url).get(built.body.filename.slice(1)).set("Range", "bytes=99999999-"),
    layout: await request(url).get("/layouts/Demo-Standard.json"),
    stats: await request(url).get("/stats"),
    missing: await request(url).get("/nowhere"),
    method: await request(url).put("/stats"),
    bad: await request(url).post("/").send("{"),
    preflight: await request(url)
      .options("/")
      .set({ Origin: "https://a", "Access-Control-Request-Method": "POST" }),
  };
  expect(Object.values(answers).map(({ status }) => status)).toEqual([
    200, 200, 304, 416, 200, 200, 404, 405, 400, 204,
  ]);
  for (const [name, { headers }] of Object.entries(answers)) {
    expect({ name, ...headers }).toMatchObject({ name, ...always });
    expect(headers).not.toHaveProperty("strict-transport-security");
  }
});

describe("Strict-Transport-Security", () => {
  const ask = async (options: Parameters<typeof openServer>[0], proto: string) => {
    const { url } = await openServer(options);
    const { headers } = await request(url).get("/healthz").set("X-Forwarded-Proto", proto);
    return headers["strict-transport-security"];
  };

  test("is told to who came by TLS, says a trusted proxy", async () => {
    expect(await ask({ hstsSeconds: 3600, trustedProxies: 1 }, "https")).toBe("max-age=3600");
    expect(await ask({ hstsSeconds: 3600, trustedProxies: 1 }, "http, https")).toBe("max-age=3600");
  });

  test("is told to nobody else", async () => {
    expect(await ask({ hstsSeconds: 3600, trustedProxies: 1 }, "http")).toBeUndefined();
    expect(await ask({ hstsSeconds: 3600, trustedProxies: 1 }, "https, http")).toBeUndefined();
    expect(await ask({ hstsSeconds: 3600, trustedProxies: 0 }, "https")).toBeUndefined();
    expect(await ask({ hstsSeconds: 3600, trustedProxies: ["192.0.2.1"] }, "https")).toBeUndefined();
    expect(await ask({ hstsSeconds: 0, trustedProxies: 1 }, "https")).toBeUndefined();
  });
});
