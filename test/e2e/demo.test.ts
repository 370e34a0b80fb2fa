import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import Docker from "dockerode";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { bootKeyboard, type Keyboard } from "../../scripts/keyboard.ts";
import { postLayout } from "../support/client.ts";
import { requireImage } from "../support/demo.ts";
import type { Document } from "../support/documents.ts";
import { download, fileOf, post, textOf } from "../support/e2e-client.ts";
import { ContainerWatch } from "../support/e2e-containers.ts";
import { ServerProcess } from "../support/e2e-server.ts";

const layouts = fileURLToPath(new URL("../../layouts", import.meta.url));
let server: ServerProcess;
let text: string;

beforeAll(async () => {
  await requireImage("kiisrv-controller-demo");
  await requireImage("kiisrv-emulator");
  text = await readFile(join(layouts, "Demo-Standard.json"), "utf8");
  server = await ServerProcess.create({ directories: { layouts } });
  await server.start();
});

afterAll(() => server.remove());

test("a posted layout becomes firmware whose keys are those of the layout", async () => {
  const watch = await ContainerWatch.open();
  // Posted character for character as the file is, white space and all.
  const answer = await post(server.url, `{ "config": ${text}, "env": "latest" }`);
  expect(answer).toMatchObject({ status: 200, success: true });
  expect(answer.filename).toMatch(/^\.\/tmp\/Demo-Standard-[0-9a-f]{64}\.zip$/);

  const files = await download(server.url, answer);
  expect([...files.keys()]).toEqual(expect.arrayContaining(expectedFiles));
  expect(textOf(files, "Demo-Standard.json")).toBe(text.trim());
  expectDfuSuffix(fileOf(files, "kiibohd.dfu.bin"));

  const keyboard = await boot(files);
  expect((await keyboard.ready).events.join()).toContain('layout "Standard" keys 61 layers 3');
  await expectKeys(keyboard, JSON.parse(text) as Document);

  const again = await post(server.url, `{ "config": ${text}, "env": "latest" }`);
  expect(again).toEqual(answer);
  expect(await watch.made(server.instance)).toHaveLength(1);
  await server.expectTidy();
});

test.each([
  ["Starting the server", "SIGTERM"],
  ["Booting the firmware", "SIGINT"],
  ["What the keys", "SIGHUP"],
] as const)("the demo leaves nothing behind when, at '%s', a %s ends it", async (step, signal) => {
  const scratch = await mkdtemp(join(tmpdir(), "kiisrv-e2e-interrupted-"));
  onTestFinished(() => rm(scratch, { recursive: true }));
  const demo = spawn(process.execPath, [fileURLToPath(new URL("../../scripts/demo.ts", import.meta.url))], {
    env: { ...process.env, TMPDIR: scratch },
    stdio: ["ignore", "pipe", "inherit"],
  });
  let seen = "";
  for await (const text of demo.stdout.setEncoding("utf8")) {
    seen += text;
    if (seen.includes(step)) demo.kill(signal);
  }
  expect(demo.exitCode ?? (await once(demo, "exit"))[0]).toBe(130);
  expect(await readdir(scratch)).toEqual([]);
  const containers = await new Docker().listContainers({ all: true });
  const sources = containers.flatMap(({ Mounts }) => Mounts.map(({ Source }) => Source));
  expect(sources.filter((path) => path.startsWith(scratch))).toEqual([]);
});

test("one changed key is another build, and the change is in the firmware", async () => {
  const before = await postLayout(server.url, JSON.parse(text), "latest");
  const changed = JSON.parse(text) as Document;
  const key = changed.matrix.find(({ code }) => code === "0x1E");
  if (key) key.layers[0] = { key: "Z" };

  const after = await postLayout(server.url, changed, "latest");
  expect(after).toMatchObject({ board: "Demo", layout: "Standard", error: false });
  expect(after.hash).not.toBe(before.hash);

  expect(await (await boot(before.zip)).tap(0x1e)).toEqual(["press U 0x04 A", "release U 0x04 A"]);
  expect(await (await boot(after.zip)).tap(0x1e)).toEqual(["press U 0x1D Z", "release U 0x1D Z"]);
  await server.expectTidy();
});

test("a key that does not exist: the log names file and line, and the failure is kept", async () => {
  const watch = await ContainerWatch.open();
  const broken = JSON.parse(text) as Document;
  const key = broken.matrix.find(({ code }) => code === "0x24");
  if (key) key.layers[1] = { key: "NOSUCHKEY" };

  const answer = await server.post(broken);
  expect(answer).toMatchObject({ status: 200, success: false });
  expect(answer.filename).toMatch(/^\.\/tmp\/Demo-Standard-[0-9a-f]{64}_error\.zip$/);
  const files = await server.download(answer);
  const [, line = ""] =
    /Demo-Standard-1\.kll:(\d+):\d+: error: .*NOSUCHKEY/.exec(textOf(files, "log/build.log")) ?? [];
  const source = textOf(files, "Demo-Standard-1.kll").split("\n");
  expect(source[Number(line) - 1]).toContain("NOSUCHKEY");
  expect(files.has("kiibohd.dfu.bin")).toBe(false);

  expect(await server.post(broken)).toEqual(answer);
  expect(await watch.made(server.instance)).toHaveLength(1);
  await server.expectTidy();
});

const kll = [0, 1, 2].map((layer) => `Demo-Standard-${layer}.kll`);
const expectedFiles = [
  "Demo-Standard.json",
  "kiibohd.dfu.bin",
  "kiibohd.elf",
  "kll.json",
  "size.json",
  "log/build.log",
  "log/kll_defs.h",
  ...kll,
  ...kll.map((name) => `kll/${name}`),
];

/** The suffix by which dfu-util knows a firmware: 16 bytes, `UFD`, and a CRC-32 over everything before itself. */
function expectDfuSuffix(firmware: Buffer): void {
  expect(firmware.length).toBeGreaterThan(1000);
  expect(firmware.subarray(-8, -5).toString()).toBe("UFD");
  expect(firmware.at(-5)).toBe(16);
  expect(firmware.readUInt32LE(firmware.length - 4)).toBe(dfuCrc(firmware.subarray(0, -4)));
}

/** DFU 1.1, appendix B: CRC-32 with the usual polynomial, its last step (the inversion) left out. */
function dfuCrc(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return crc >>> 0;
}

async function boot(files: ReadonlyMap<string, Buffer>): Promise<Keyboard> {
  const directory = await mkdtemp(join(tmpdir(), "kiisrv-e2e-elf-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const elf = join(directory, "kiibohd.elf");
  await writeFile(elf, fileOf(files, "kiibohd.elf"), { mode: 0o644 });
  const keyboard = await bootKeyboard(elf);
  onTestFinished(() => keyboard.stop());
  return keyboard;
}

/** Presses the plain keys of every layer; layer 1 is held by the key 0x3B, layer 2 toggled by 0x3C on layer 1. */
async function expectKeys(keyboard: Keyboard, document: Document): Promise<void> {
  await expectLayer(keyboard, document, "0");
  await keyboard.press(0x3b);
  await expectLayer(keyboard, document, "1");
  await keyboard.tap(0x3c);
  await keyboard.release(0x3b);
  await expectLayer(keyboard, document, "2");
}

async function expectLayer(keyboard: Keyboard, document: Document, layer: string): Promise<void> {
  const pressed: Record<string, string> = {};
  const expected: Record<string, string> = {};
  for (const { code, layers } of document.matrix) {
    const name = String(layers[layer]?.key);
    const usage = usageOf(name);
    if (usage === undefined) continue;
    pressed[String(code)] = (await keyboard.tap(Number(code))).join(", ");
    expected[String(code)] = `press ${usage}, release ${usage}`;
  }
  expect(Object.keys(expected).length).toBeGreaterThan(10);
  expect(pressed).toEqual(expected);
}

/** HID usages (USB HID Usage Tables, page 7) by key name: those that follow one another, and a few others. */
function usageOf(name: string): string | undefined {
  const runs: [names: string[], first: number][] = [
    [[..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"], 0x04],
    [[..."1234567890"], 0x1e],
    [["ENTER", "ESC", "BACKSPACE", "TAB", "SPACE", "MINUS", "EQUALS", "LBRACE", "RBRACE", "BACKSLASH"], 0x28],
    [Array.from({ length: 12 }, (_, index) => `F${index + 1}`), 0x3a],
    [["INSERT", "HOME", "PAGEUP", "DELETE", "END", "PAGEDOWN", "RIGHT", "LEFT", "DOWN", "UP"], 0x49],
    [["P/", "P*", "P-", "P+", "PENTER", "P1", "P2", "P3", "P4", "P5", "P6", "P7", "P8", "P9", "P0"], 0x54],
  ];
  for (const [names, first] of runs) {
    const index = names.indexOf(name);
    if (index >= 0) return `U 0x${(first + index).toString(16).toUpperCase().padStart(2, "0")} ${name}`;
  }
  return undefined;
}
