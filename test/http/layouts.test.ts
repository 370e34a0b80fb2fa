import { readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { simpleGit } from "simple-git";
import request from "supertest";
import { describe, expect, test } from "vitest";
import { repositoryLayouts, temporaryDirectory } from "../support/app.ts";
import { openServer } from "../support/server.ts";

const standard = readFileSync(join(repositoryLayouts, "Demo-Standard.json"));

describe("a layout", () => {
  test.for(["Demo-Standard.json", "Demo-Default.json"])("comes as it is in the library: %s", async (name) => {
    const { url } = await openServer();
    const { status, headers, text } = await request(url).get(`/layouts/${name}`);
    expect(status).toBe(200);
    expect(text).toBe(standard.toString());
    expect(headers).toMatchObject({
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-cache",
      etag: expect.stringMatching(/^"[\w-]{43}"$/),
    });
  });

  test("is not sent again to who has it, until it changes", async () => {
    const layouts = temporaryDirectory();
    const file = join(layouts, "Demo Old.json");
    writeFileSync(file, "{}");
    const { url } = await openServer({ layouts });
    const ask = (etag = "") => request(url).get("/layouts/Demo%20Old.json").set("If-None-Match", etag);
    const { etag = "" } = (await ask()).headers;
    expect(await ask(etag)).toMatchObject({ status: 304, text: "" });
    writeFileSync(file, '{"new":1}');
    expect(await ask(etag)).toMatchObject({ status: 200, text: '{"new":1}' });
  });

  test.for([
    "Nonesuch.json",
    "..%2Fpackage.json",
    "%2e%2e%2fpackage.json",
    "README.md",
    ".hidden.json",
    "a%00.json",
    "outside.json",
  ])("that the library does not have is a 404: %s", async (name) => {
    const layouts = temporaryDirectory();
    writeFileSync(join(layouts, ".hidden.json"), "{}");
    writeFileSync(join(layouts, "README.md"), "");
    symlinkSync(join(repositoryLayouts, "../package.json"), join(layouts, "outside.json"));
    const { url } = await openServer({ layouts });
    const { status, body } = await request(url).get(`/layouts/${name}`);
    expect([status, body.code]).toEqual([404, "not-found"]);
  });
});

describe("a layout of a revision", () => {
  async function openHistory() {
    const layouts = temporaryDirectory();
    const git = simpleGit(layouts, {
      config: ["user.name=Ada", "user.email=ada@example.org", "commit.gpgsign=false"],
    });
    await git.init(["--initial-branch=main"]);
    for (const version of [1, 2]) {
      writeFileSync(join(layouts, "Demo-Standard.json"), `{"version":${version}}`);
      await git.add(".").commit(`version ${version}`);
      await git.tag([`v${version}`]);
    }
    return openServer({ layouts });
  }

  test("comes as it was", async () => {
    const { url } = await openHistory();
    const ask = (rev: string) => request(url).get(`/layouts/Demo-Standard.json?rev=${rev}`);
    const [old, now] = [await ask("v1"), await ask("main")];
    expect([old.status, old.text]).toEqual([200, '{"version":1}']);
    expect([now.status, now.text]).toEqual([200, '{"version":2}']);
    expect((await ask("v1").set("If-None-Match", old.headers.etag ?? "")).status).toBe(304);
    expect((await ask("v1").set("If-None-Match", now.headers.etag ?? "")).status).toBe(200);
  });

  test.for([
    ["rev=v9", 404, "not-found"],
    ["rev=", 400, "bad-request"],
    ["rev", 400, "bad-request"],
    ["rev=--help", 400, "bad-request"],
    ["rev=v1..v2", 400, "bad-request"],
    ["rev=HEAD%5E%7B/x%7D", 400, "bad-request"],
    ["rev=v1&rev=v2", 400, "bad-request"],
  ] as const)("that cannot be is told: ?%s", async ([query, status, code]) => {
    const { url, house } = await openHistory();
    const answer = await request(url).get(`/layouts/Demo-Standard.json?${query}`);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(answer.text).not.toContain(house.library.directory);
  });
});
