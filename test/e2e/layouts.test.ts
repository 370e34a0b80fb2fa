import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import type { ListedLayout } from "../../src/layout/listing.ts";
import { demoDocument } from "../support/documents.ts";
import { standIn } from "../support/e2e-images.ts";
import { type ServerProcess, serverForTest } from "../support/e2e-server.ts";
import { Upstream } from "../support/upstream.ts";

const run = promisify(execFile);
const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const toolchain = standIn("toolchain");

/** Runs `kiisrv layouts sync` beside a server that runs, as an operator does. */
async function sync(server: ServerProcess, from: string): Promise<void> {
  const { data, layouts } = server.directories;
  const env = { ...process.env, KIISRV_DATA: data, KIISRV_LAYOUTS: layouts };
  await run(process.execPath, [main, "layouts", "sync", "--from", from], { env });
}

/** A layout of the stand-in toolchain's board on a base that only upstream has. */
function layout() {
  const document = demoDocument();
  Object.assign(document.header, { Name: "MD1.1", Variant: "compiles", Layout: "Tiny", Base: "Synced" });
  return document;
}

function base(...keys: string[]): string {
  return JSON.stringify({
    matrix: keys.map((key, index) => ({ code: `0x0${index + 1}`, layers: { 0: { key } } })),
  });
}

test("a server that runs serves, and builds from, what was synced, at once and each time", async () => {
  const server = await serverForTest({ versions: { latest: toolchain } });
  const upstream = await Upstream.create();
  upstream.write("MD1.1-Synced.json", base("ESC", "A"));
  await upstream.commit();
  await upstream.git.tag(["v1"]);
  expect(await server.post(layout())).toMatchObject({ status: 400, code: "bad-layout" });

  await sync(server, upstream.directory);
  const first = await server.post(layout());
  expect(first).toMatchObject({ status: 200, success: true });
  expect(await server.post(layout())).toEqual(first);

  upstream.write("MD1.1-Synced.json", base("TAB", "A"));
  await upstream.commit();
  await sync(server, upstream.directory);
  const second = await server.post(layout());
  expect(second).toMatchObject({ status: 200, success: true });
  expect(second.filename).not.toBe(first.filename);

  const listed = (await (await fetch(`${server.url}/layouts`)).json()) as { layouts: ListedLayout[] };
  const names = listed.layouts.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["Demo-Plain", "MD1.1-Synced", "T-One", "Tiny-One"]));
  const get = async (path: string) => (await fetch(`${server.url}/layouts/${path}`)).text();
  expect(await get("MD1.1-Synced.json")).toBe(base("TAB", "A"));
  expect(await get("MD1.1-Synced.json?rev=v1")).toBe(base("ESC", "A"));
});

test("a sync that fails changes nothing of what a server serves; a restart neither", async () => {
  const server = await serverForTest({ versions: { latest: toolchain } });
  const upstream = await Upstream.create();
  await sync(server, upstream.directory);
  const list = async () => (await fetch(`${server.url}/layouts`)).text();
  const before = await list();
  expect(before).toContain('"name":"T-One"');
  upstream.write("Broken.json", "{");
  await upstream.commit();
  await expect(sync(server, upstream.directory)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining("Broken.json: "),
  });
  await expect(sync(server, "http://127.0.0.1:1/layouts")).rejects.toMatchObject({ code: 1 });
  expect(await list()).toBe(before);
  await server.killAndRestart();
  expect(await list()).toBe(before);
});
