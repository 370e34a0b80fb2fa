import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Complaint } from "../../src/errors.ts";
import { requireImage } from "../support/demo.ts";
import type { Document } from "../support/documents.ts";
import { textOf } from "../support/e2e-client.ts";
import { ContainerWatch } from "../support/e2e-containers.ts";
import { ServerProcess } from "../support/e2e-server.ts";

const layouts = fileURLToPath(new URL("../../layouts", import.meta.url));
let server: ServerProcess;
let text: string;

beforeAll(async () => {
  await requireImage("kiisrv-controller-demo");
  text = await readFile(join(layouts, "Demo-Standard.json"), "utf8");
  server = await ServerProcess.create({ directories: { layouts } });
  await server.start();
});

afterAll(() => server.remove());

const line3 = /^line 3: .*'%'/;

test("what is wrong with a layout is told in the answer, in the zip, and from the cache of a server that was restarted", async () => {
  const watch = await ContainerWatch.open();
  const document = JSON.parse(text) as Document;
  const keys = document.matrix.slice(2, 4);
  for (const [index, action] of ["FOO", "#:fooBar( 1 )"].entries()) {
    const key = keys[index];
    if (key) key.layers[1] = { key: action };
  }
  document.custom = { 0: '# fine\nU"A" : U"B";\n%%% ;\n' };

  const answer = await server.post(document);
  expect(answer).toMatchObject({ status: 200, success: false });
  const expected = [
    { path: "config.custom.0", line: 3, message: expect.stringMatching(line3) },
    { path: "config.matrix[2].layers.1.key", message: "unknown key 'FOO'" },
    { path: "config.matrix[3].layers.1.key", message: expect.stringContaining("'fooBar'") },
  ];
  expect(byPath(answer.errors)).toEqual(expected);
  expect(answer.reason).toContain("(and 2 more)");

  const files = await server.download(answer);
  const told = JSON.parse(textOf(files, "log/errors.json"));
  expect(told).toEqual({ reason: answer.reason, errors: answer.errors });
  const log = textOf(files, "log/build.log");
  expect(log).toMatch(/^What is wrong with the layout:\n {2}config\./);
  expect(log).toContain("Demo-Standard-1.kll:");

  await server.killAndRestart();
  expect(await server.post(document)).toEqual(answer);
  expect(await watch.made(server.instance)).toHaveLength(1);
  await server.expectTidy();
});

test("a firmware that does not fit says by how much", async () => {
  const document = JSON.parse(text) as Document;
  // The layout's name goes into the firmware; the last one counts.
  document.custom = { 0: `Layout = "${"x".repeat(300_000)}";` };
  const answer = await server.post(document);
  expect(answer.errors).toEqual([
    {
      path: "config",
      message: expect.stringMatching(/^the firmware is [\d,]+ bytes too big for the chip's flash$/),
    },
  ]);
});

test("the size of a firmware is in the answer and in the log", async () => {
  const answer = await server.post(JSON.parse(text));
  const use = { used: expect.any(Number), total: expect.any(Number) };
  expect(answer.size).toEqual({ "kiibohd.dfu.bin": { flash: use, ram: use } });
  const files = await server.download(answer);
  expect(textOf(files, "log/build.log")).toMatch(
    /^kiibohd\.dfu\.bin: flash [\d,]+ of 262,144 bytes \(\d+ %\), RAM [\d,]+ of 65,536 bytes/,
  );
});

function byPath(errors: readonly Complaint[] = []): Complaint[] {
  return errors.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
