import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { isHeld, lockDirectory } from "../../src/store/lock.ts";
import { spawnScript } from "../support/child.ts";
import { scratch } from "./helpers.ts";

test("a directory is locked once, and again after its release", () => {
  const directory = scratch();
  const first = lockDirectory(directory);
  expect(() => lockDirectory(directory)).toThrow(`another kiisrv uses ${directory}`);
  first.release();
  lockDirectory(directory).release();
});

test("a directory can be asked whether somebody holds it, and is not touched by that", () => {
  const directory = scratch();
  expect(isHeld(directory)).toBe(false);
  expect(readdirSync(directory)).toEqual([]);
  const lock = lockDirectory(directory);
  expect(isHeld(directory)).toBe(true);
  lock.release();
  expect(isHeld(directory)).toBe(false);
});

test.runIf(process.getuid?.() === 0)("a directory on a full disk can be locked (needs root)", () => {
  const directory = scratch();
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "kiisrv-test", directory]);
  onTestFinished(() => void execFileSync("umount", [directory]));
  lockDirectory(directory).release();
  expect(() => writeFileSync(join(directory, "full"), Buffer.alloc(2 << 20))).toThrow("ENOSPC");
  const lock = lockDirectory(directory);
  expect(isHeld(directory)).toBe(true);
  lock.release();
});

test("two directories are locked apart", () => {
  const [one, other] = [lockDirectory(scratch()), lockDirectory(scratch())];
  onTestFinished(() => {
    one.release();
    other.release();
  });
});

test("another process is kept out, until it is killed", async () => {
  const directory = scratch();
  const holder = spawnScript(`
    import { lockDirectory } from "./src/store/lock.ts";
    globalThis.held = lockDirectory(${JSON.stringify(directory)});
    console.log("locked");
    setInterval(() => {}, 1000);
  `);
  await once(holder.stdout, "data");
  expect(isHeld(directory)).toBe(true);
  expect(() => lockDirectory(directory)).toThrow(/another kiisrv uses .*; stop it/);
  const gone = once(holder, "exit");
  holder.kill("SIGKILL");
  await gone;
  expect(isHeld(directory)).toBe(false);
  lockDirectory(directory).release();
});

test("a directory that is not there is named", () => {
  const directory = join(scratch(), "nowhere");
  expect(() => lockDirectory(directory)).toThrow(`${directory}/lock.db cannot be locked`);
});
