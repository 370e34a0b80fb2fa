import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { standIn } from "../support/e2e-images.ts";
import { layout, ServerProcess } from "../support/e2e-server.ts";

const toolchain = standIn("toolchain");
let server: ServerProcess;

/** Small, so that each hostile build meets its limit within seconds. */
const environment = {
  KIISRV_BUILD_SECONDS: "4",
  KIISRV_BUILD_MEMORY_MIB: "128",
  KIISRV_BUILD_PIDS: "64",
  KIISRV_BUILD_LOG_MIB: "2",
  KIISRV_BUILD_OUTPUT_MIB: "4",
};

beforeAll(async () => {
  server = await ServerProcess.create({ versions: { latest: toolchain }, environment });
  await server.start();
});

afterAll(() => server.remove());

/** A function of the hostile image, and what the log says of its end. */
const builds: [build: string, reason: string][] = [
  ["symlink", "kiibohd.dfu.bin does not count: a symbolic link"],
  ["linked_directory", ""],
  ["fifo", "kiibohd.dfu.bin does not count: not a regular file"],
  ["many_files", "more than 512 files"],
  ["sparse", "exceed"],
  ["fork_bomb", "longer than 4 s"],
  ["endless_log", "The log of the build exceeds"],
  ["memory_hog", "out of memory"],
  ["missing", "kiibohd.dfu.bin is missing"],
  ["empty", "kiibohd.dfu.bin is empty"],
];

test.each(builds)("%s: a clean answer, nothing leaked, nothing left", async (build, reason) => {
  const answer = await server.post(layout(build));
  const files = await server.download(answer);
  const log = String(files.get("log/build.log"));

  expect(answer).toMatchObject({ status: 200, success: reason === "" });
  expect(answer.filename.endsWith("_error.zip")).toBe(reason !== "");
  expect(log).toContain(reason);
  const [secret = ""] = (await readFile("/etc/passwd", "utf8")).split("\n");
  for (const bytes of files.values()) expect(bytes.includes(secret)).toBe(false);
  const names = ["MD1.1-Tiny-0.kll", "MD1.1-Tiny-1.kll", "MD1.1-Tiny.json"];
  expect([...files.keys()]).toEqual(expect.arrayContaining([...names, "log/build.log"]));
  expect([...files.values()].reduce((sum, bytes) => sum + bytes.length, 0)).toBeLessThan(5 * 1024 * 1024);
  await server.expectTidy();
});
