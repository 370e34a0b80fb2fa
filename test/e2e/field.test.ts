import { afterAll, beforeAll, expect, test } from "vitest";
import { demoDocument } from "../support/documents.ts";
import { textOf } from "../support/e2e-client.ts";
import { ContainerWatch } from "../support/e2e-containers.ts";
import { standIn } from "../support/e2e-images.ts";
import { ServerProcess } from "../support/e2e-server.ts";

/** An image that follows the contract of those in the field: it packs the zip itself, as root. */
const image = standIn("field");
let server: ServerProcess;

beforeAll(async () => {
  server = await ServerProcess.create({ versions: { latest: image } });
  await server.start();
});

afterAll(() => server.remove());

function board(name: string, changes: object = {}) {
  const document = demoDocument();
  document.header.Name = name;
  return Object.assign(document, changes);
}

test("its firmware, sources and log reach the client as ours do", async () => {
  const watch = await ContainerWatch.open(server.daemon);
  const document = board("MD1.1");
  const answer = await server.post(document);
  expect(answer).toMatchObject({ status: 200, success: true });

  const files = await server.download(answer);
  const kll = ["MD1.1-Tiny-0.kll", "MD1.1-Tiny-1.kll"];
  expect([...files.keys()].sort()).toEqual(
    [
      ...kll,
      ...kll.map((name) => `kll/${name}`),
      "MD1.1-Tiny.json",
      "kiibohd.dfu.bin",
      "log/build.log",
    ].sort(),
  );
  expect(JSON.parse(textOf(files, "MD1.1-Tiny.json"))).toEqual(document);
  expect(textOf(files, "kiibohd.dfu.bin")).toBe(kll.map((name) => textOf(files, name)).join(""));
  expect(textOf(files, "log/build.log")).toContain("built as root");

  expect(await server.post(document)).toEqual(answer);
  expect(await watch.made(server.instance)).toHaveLength(1);
  await server.expectTidy();
});

test("a layout that does not compile: its own log, kept", async () => {
  const watch = await ContainerWatch.open(server.daemon);
  const document = board("MD1.1", { custom: { 1: "syntax error" } });
  const answer = await server.post(document);
  expect(answer).toMatchObject({ status: 200, success: false });
  const files = await server.download(answer);
  expect(textOf(files, "log/build.log")).toMatch(/MD1\.1-Tiny-1\.kll:\d+:.*syntax error/);
  expect(files.has("kiibohd.dfu.bin")).toBe(false);

  expect(await server.post(document)).toEqual(answer);
  expect(await watch.made(server.instance)).toHaveLength(1);
  await server.expectTidy();
});

test("a split board has firmware for both halves", async () => {
  const answer = await server.post(board("MDErgo1"));
  expect(answer).toMatchObject({ status: 200, success: true });
  const files = await server.download(answer);
  expect(textOf(files, "left_kiibohd.dfu.bin")).toContain('Layout = "Tiny"');
  expect(textOf(files, "right_kiibohd.dfu.bin")).toContain('Layout = "Tiny"');
  expect(files.has("kiibohd.dfu.bin")).toBe(false);
  await server.expectTidy();
});
