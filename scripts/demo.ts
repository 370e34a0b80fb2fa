import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fromBufferPromise } from "yauzl";
import { drawBoard } from "./board-picture.ts";
import { freePort } from "./free-port.ts";
import { bootKeyboard, type Keyboard } from "./keyboard.ts";

/**
 * The main job on real input, to watch: a layout is posted, becomes firmware in a container, the firmware is booted in
 * an emulator and its keys are pressed. Then one key is changed.
 */

interface LayoutKey {
  code: string;
  x: number;
  y: number;
  w: number;
  h: number;
  layers: Record<string, { key: string; label: string }>;
}

interface LayoutDocument {
  header: Record<string, string>;
  matrix: LayoutKey[];
}

const root = join(import.meta.dirname, "..");
const layoutFile = "layouts/Demo-Standard.json";
/** Time the server has to be ready, milliseconds. */
const patience = 30_000;
/** The key that is changed, and what into. */
const changed = { from: "CAPSLOCK", to: "LCTRL", label: "CTRL" };

/** By ^C, or by a terminal that is closed: then all that was begun is ended, and nothing is left behind. */
const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupted.abort());
// Where nobody sees what is said any more.
process.stdout.on("error", () => interrupted.abort());

const work = await mkdtemp(join(tmpdir(), "kiisrv-demo-"));
// The emulator's container reads the firmware as a user of its own.
await chmod(work, 0o755);
let server: ChildProcess | undefined;
try {
  const base = await step("Starting the server", startServer);
  const layout: LayoutDocument = JSON.parse(await readFile(join(root, layoutFile), "utf8"));

  say(`\nThe layout ${layoutFile}, as a configurator would post it:`);
  const first = await build(base, layout);
  await show("Booting the firmware in QEMU and pressing every key", first, async (keyboard) => {
    const usages = await pressAll(keyboard, layout);
    say("\nWhat the keys are called in the layout, and the HID usage the firmware sent for each:\n");
    say(picture(layout, usages));
    await pressOnLayer(keyboard, layout);
  });

  const edited = structuredClone(layout);
  const key = find(edited, changed.from);
  key.layers["0"] = { key: changed.to, label: changed.label };
  say(`\nNow one key is changed: ${changed.from} becomes ${changed.to}.`);
  const second = await build(base, edited);
  await show("Booting the new firmware and pressing that key", second, async (keyboard) => {
    const [press = ""] = await keyboard.tap(Number(key.code));
    say(`  ${key.code} was ${changed.from.padEnd(10)} and is now: ${press}`);
    if (!press.endsWith(changed.to)) throw new Error(`the firmware should have sent ${changed.to}`);
  });

  say("\nThe same layout once more, as the next person would ask for it:");
  await build(base, edited);
  say(`
That was it. Where to go next:
  make serve                                  run the server here, on port 3001
  docker compose up                           run it in a container
  README.md, docs/api.md                      point a configurator at it
  bin/kiisrv plan ${layoutFile}  see what a layout becomes
  controllers/demo/README.md                  add a controller of your own`);
} catch (error) {
  // What failed then failed for that.
  if (!interrupted.signal.aborted) throw error;
  process.exitCode = 130;
} finally {
  if (server?.exitCode === null && server.signalCode === null) {
    server.kill("SIGTERM");
    await once(server, "exit");
  }
  await rm(work, { recursive: true, force: true });
}

async function startServer(): Promise<string> {
  const port = await freePort("localhost");
  const environment = {
    KIISRV_HOST: "localhost",
    KIISRV_PORT: String(port),
    KIISRV_DATA: join(work, "data"),
    KIISRV_TMP_CONFIG: join(work, "inputs"),
    KIISRV_TMP_BUILDS: join(work, "outputs"),
    KIISRV_LOG_LEVEL: "warn",
    // What may be amiss with this machine is for `kiisrv doctor` to tell.
    KIISRV_START_CHECKS: "none",
  };
  const started = spawn(process.execPath, [join(root, "dist/main.js"), "serve"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, ...environment },
  });
  server = started;
  const base = `http://localhost:${port}`;
  const late = performance.now() + patience;
  for (let missing = ""; ; await sleep(20)) {
    interrupted.signal.throwIfAborted();
    if (started.exitCode !== null) throw new Error("the server did not start; it said why above");
    if (performance.now() > late) throw new Error(`the server is not ready: ${missing}`);
    try {
      const answer = await fetch(`${base}/readyz`);
      if (answer.ok) return base;
      missing = await answer.text();
    } catch (error) {
      // It does not listen yet.
      missing = String(error);
    }
  }
}

interface Answer {
  filename?: string;
  success?: boolean;
  reason?: string;
  error?: string;
}

/** Posts a layout, fetches the zip, shows what is in it; returns its files. */
async function build(base: string, config: LayoutDocument): Promise<Map<string, Buffer>> {
  const body = JSON.stringify({ config, env: "latest" });
  const answer = await step(`POST / (${body.length} bytes)`, async () => {
    const response = await fetch(`${base}/`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body,
      signal: interrupted.signal,
    });
    return (await response.json()) as Answer;
  });
  if (!answer.success || !answer.filename)
    throw new Error(answer.error ?? `the build failed: ${answer.reason}`);
  const zip = await fetch(`${base}/${answer.filename.slice(2)}`);
  const files = await unzip(Buffer.from(await zip.arrayBuffer()));
  say(
    `  ${answer.filename.replace(/([0-9a-f]{8})[0-9a-f]+/, "$1…")}: ${[...files.keys()].filter(isFirmware).join(", ")}`,
  );
  // The log begins with the size.
  say(`    ${files.get("log/build.log")?.toString().split("\n", 1)[0]}`);
  return files;
}

function isFirmware(name: string): boolean {
  return !name.includes("/") && !name.endsWith(".kll");
}

async function unzip(bytes: Buffer): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const zip = await fromBufferPromise(bytes);
  for await (const entry of zip.eachEntry()) {
    const chunks: Buffer[] = [];
    for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk);
    files.set(entry.fileName, Buffer.concat(chunks));
  }
  return files;
}

/** Boots the firmware of a zip, does something with it, and ends it. */
async function show(title: string, files: Map<string, Buffer>, act: (keyboard: Keyboard) => Promise<void>) {
  const elf = join(work, "kiibohd.elf");
  await writeFile(elf, files.get("kiibohd.elf") ?? "");
  const keyboard = await step(title, () => bootKeyboard(elf, { signal: interrupted.signal }));
  try {
    await act(keyboard);
  } finally {
    await keyboard.stop();
  }
}

/** Scan code -> what the firmware sent when the key was pressed. */
async function pressAll(keyboard: Keyboard, layout: LayoutDocument): Promise<Map<string, string>> {
  const usages = new Map<string, string>();
  for (const { code } of layout.matrix) {
    const [press = ""] = await keyboard.tap(Number(code));
    usages.set(code, /0x[0-9A-F]+/.exec(press)?.[0] ?? press.split(" ").slice(0, 2).join(" "));
  }
  return usages;
}

function picture(layout: LayoutDocument, usages: Map<string, string>): string {
  const keys = layout.matrix.map(({ x, y, w, h, code, layers }) => {
    return { x, y, w, h, top: layers["0"]?.label ?? "", bottom: usages.get(code) ?? "" };
  });
  return drawBoard(keys);
}

/** A few keys of layer 1, while the key that shifts to it is held. */
async function pressOnLayer(keyboard: Keyboard, layout: LayoutDocument): Promise<void> {
  const shift = layout.matrix.find((key) => key.layers["0"]?.key.includes("layerShift"));
  if (!shift) return;
  const keys = layout.matrix.filter((key) => key.layers["1"] && !key.layers["1"].key.startsWith("#:"));
  say("\nAnd while FN is held, for example:");
  await keyboard.press(Number(shift.code));
  for (const key of keys.filter((_, index) => index % 5 === 0).slice(0, 6)) {
    const [press = ""] = await keyboard.tap(Number(key.code));
    say(
      `  FN + ${key.layers["0"]?.label.padEnd(6)} layout: ${key.layers["1"]?.key.padEnd(14)} firmware: ${press}`,
    );
  }
  await keyboard.release(Number(shift.code));
}

function find(layout: LayoutDocument, action: string): LayoutKey {
  const key = layout.matrix.find((one) => one.layers["0"]?.key === action);
  if (!key) throw new Error(`${layoutFile} has no key ${action}`);
  return key;
}

/** Says what is being done, and how long it took. */
async function step<T>(title: string, act: () => Promise<T>): Promise<T> {
  process.stdout.write(`==> ${title} … `);
  const started = performance.now();
  const result = await act();
  say(`${((performance.now() - started) / 1000).toFixed(2)} s`);
  return result;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
