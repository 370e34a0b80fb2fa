import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { beforeEach, expect, test } from "vitest";
import { openBuilds } from "../../src/store/builds.ts";
import { repository, temporaryDirectory } from "../support/app.ts";

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
  mkdirSync(join(directory, "data"));
  openBuilds(join(directory, "data", "builds.db")).close();
});

/** Runs a line of shell in which `kiisrv` is the command, with the data of one place or another. */
async function shell(line: string, data = "data") {
  const child = spawn("sh", ["-c", `kiisrv() { "$NODE" "$MAIN" "$@"; }; ${line}`], {
    cwd: directory,
    env: {
      ...process.env,
      NODE: process.execPath,
      MAIN: join(repository, "src/main.ts"),
      KIISRV_DATA: join(directory, data),
      KIISRV_LAYOUTS: join(directory, "own"),
      KIISRV_TMP_BUILDS: join(directory, "zips"),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [output, told, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { code, output, told };
}

test("to a file and back, saying what was done", async () => {
  const saved = await shell("kiisrv backup a.tar.gz");
  expect(saved).toMatchObject({ code: 0, output: "" });
  expect(saved.told).toMatch(/copying builds\.db\n.*backed up 0 builds and 0 zips: 1 files, \d+ bytes/s);
  const again = await shell("kiisrv backup a.tar.gz");
  expect(again).toMatchObject({
    code: 1,
    told: expect.stringMatching(/a\.tar\.gz is there already; --force/),
  });
  const restored = await shell("kiisrv restore a.tar.gz", "other");
  expect(restored).toMatchObject({
    code: 0,
    output: expect.stringMatching(/^restored the backup of 20.*Z: 0 builds/),
  });
  expect(existsSync(join(directory, "other", "builds.db"))).toBe(true);
});

test("through a pipe", async () => {
  const { code, output } = await shell('kiisrv backup - | KIISRV_DATA="$PWD/other" kiisrv restore -');
  expect({ code, output }).toEqual({ code: 0, output: expect.stringMatching(/^restored the backup/) });
  expect(readdirSync(join(directory, "other")).sort()).toEqual(["builds.db", "lock.db"]);
  expect(readdirSync(join(directory, "data"))).toEqual(["builds.db"]);
});

test("to a disk that takes not a byte more", async () => {
  mkdirSync(join(directory, "full"));
  // No file may grow, and whoever tries is told so instead of killed. Pipes are no files.
  const { told } = await shell("trap '' XFSZ; ulimit -f 0; kiisrv backup full/a.tar.gz");
  expect(told).toMatch(/^kiisrv backup: disk I\/O error$/m);
  expect(readdirSync(join(directory, "full"))).toEqual([]);
});

test("called wrongly, or for what is not there", async () => {
  for (const line of [
    "kiisrv backup",
    "kiisrv restore",
    "kiisrv backup a b",
    "kiisrv restore a --artifacts",
  ]) {
    expect((await shell(line)).code).toBe(2);
  }
  expect(await shell("kiisrv restore nowhere.tar.gz", "other")).toMatchObject({
    code: 1,
    told: expect.stringMatching(/nowhere\.tar\.gz cannot be read/),
  });
  expect(await shell("kiisrv backup no/such/place.tar.gz")).toMatchObject({ code: 1 });
  expect(existsSync(join(directory, "other"))).toBe(false);
});
