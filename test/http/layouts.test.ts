import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { simpleGit } from "simple-git";
import request from "supertest";
import { describe, expect, test } from "vitest";
import type { ListedLayout } from "../../src/layout/listing.ts";
import { demoRequest, eventually, repositoryLayouts, temporaryDirectory } from "../support/app.ts";
import { openServer, talk } from "../support/server.ts";
import { sync, tiny, Upstream } from "../support/upstream.ts";

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

test("answers that wait to be read share their bytes, and are as the file was when it was asked for", async () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const held = () => {
    collect();
    return process.memoryUsage().arrayBuffers;
  };
  const layouts = temporaryDirectory();
  copyFileSync(join(repositoryLayouts, "Demo-Base.json"), join(layouts, "Demo-Base.json"));
  const contents = ["a", "b"].map((letter) => `"${letter.repeat(1 << 20)}"`);
  const server = await openServer({ layouts });
  const { library } = server.house;
  const read = library.read.bind(library);
  let asked = 0;
  // A spy would hold what it has seen returned.
  library.read = (name) => {
    asked++;
    return read(name);
  };
  const body = demoRequest();
  const before = held();
  // Behind a build that has not ended none of them gets out.
  const clients = contents.map(async (content, index) => {
    await eventually(() => asked === 10 * index);
    writeFileSync(join(layouts, "Large.json"), content);
    return talk(
      server.port,
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      "GET /layouts/Large.json HTTP/1.1\r\nHost: a\r\n\r\n".repeat(9),
      "GET /layouts/Large.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    );
  });
  await eventually(() => asked === 20);
  // What is let go of is given back a little later.
  await eventually(() => held() - before < 2.5 * (1 << 20));
  (await server.house.runner.next()).end();
  const answers = await Promise.all(clients);
  expect(answers.map((answer, index) => answer.split(contents[index] ?? "").length - 1)).toEqual([10, 10]);
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

describe("the list of layouts", () => {
  test("says what there is, and is not sent again to who has it", async () => {
    const { url, house } = await openServer();
    const first = await request(url).get("/layouts");
    expect(first.status).toBe(200);
    expect(first.headers).toMatchObject({
      "content-type": "application/json; charset=utf-8",
      "cache-control": "no-cache",
    });
    const listed = first.body.layouts.map(({ name, alias }: ListedLayout) => [name, alias]);
    expect(listed).toEqual([
      ["Demo-Base", undefined],
      ["Demo-Default", "Demo-Standard"],
      ["Demo-Standard", undefined],
    ]);
    expect(first.body.source).toBeNull();
    const again = () =>
      request(url)
        .get("/layouts")
        .set("If-None-Match", first.headers.etag ?? "");
    expect(await again()).toMatchObject({ status: 304, text: "" });

    const { directory } = await Upstream.create();
    const source = await sync(join(house.directory, "layouts"), directory);
    const { status, body } = await again();
    expect([status, body.source, body.layouts.length]).toEqual([200, source, 6]);
  });

  test("leads to each layout", async () => {
    const layouts = temporaryDirectory();
    writeFileSync(join(layouts, "Demo Old.json"), tiny("One"));
    const { url } = await openServer({ layouts });
    const [entry] = (await request(url).get("/layouts")).body.layouts;
    const { status, text } = await request(new URL(entry.url, `${url}/layouts`).href).get("");
    expect([status, text]).toEqual([200, tiny("One")]);
  });
});

test("who asks while libraries change sees one of them, whole", { timeout: 60_000 }, async () => {
  const { url, house } = await openServer();
  const upstream = await Upstream.create();
  await upstream.git.rm(["-r", "layouts"]);
  mkdirSync(join(upstream.directory, "layouts"));
  for (const version of ["one", "two"]) {
    for (let number = 0; number < 30; number++)
      upstream.write(`${version}-${number}.json`, tiny("Many", version));
    await upstream.commit();
    await upstream.git.tag([version]);
    await upstream.git.rm(["-r", "layouts"]);
    mkdirSync(join(upstream.directory, "layouts"), { recursive: true });
  }
  const place = join(house.directory, "layouts");
  await sync(place, upstream.directory, { ref: "one" });
  let syncing = true;
  const changes = (async () => {
    for (const ref of ["two", "one", "two"]) await sync(place, upstream.directory, { ref });
    syncing = false;
  })();
  const seen = new Set<string>();
  while (syncing) {
    const { body } = await request(url).get("/layouts");
    const many = body.layouts.filter(({ layout }: ListedLayout) => layout === "Many");
    expect(many).toHaveLength(30);
    const variants = new Set<string>(many.map(({ variant }: ListedLayout) => variant));
    expect(variants.size).toBe(1);
    for (const variant of variants) seen.add(variant);
  }
  await changes;
  expect([...seen].sort()).toEqual(["one", "two"]);
});
