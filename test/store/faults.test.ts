import { expect, test } from "vitest";
import { storageFault, stored } from "../../src/store/faults.ts";

const failing = (code: string): Error => Object.assign(new Error(`${code}: /secret/path`), { code });

test.each([
  ["ENOSPC", "the server's disk is full"],
  ["EDQUOT", "the server's disk is full"],
  ["SQLITE_FULL", "the server's disk is full"],
  ["EROFS", "the server may not write to its storage"],
  ["EACCES", "the server may not write to its storage"],
  ["SQLITE_READONLY_DBMOVED", "the server may not write to its storage"],
  ["SQLITE_BUSY_SNAPSHOT", "the server's database is in use by another program"],
  ["SQLITE_IOERR_FSYNC", "the server's storage cannot be read or written"],
  ["SQLITE_CORRUPT", "the server's database is damaged"],
])("%s is a storage problem that shows no path", (code, message) => {
  const cause = failing(code);
  expect(storageFault(cause)).toMatchObject({ code: "storage-failed", message, cause });
});

test("what is not the storage's fault stays what it is", () => {
  for (const error of [
    new Error("bug"),
    failing("ENOENT"),
    failing("SQLITE_CONSTRAINT_UNIQUE"),
    "text",
    undefined,
  ]) {
    expect(storageFault(error)).toBe(error);
  }
  expect(stored(() => 7)).toBe(7);
  expect(() =>
    stored(() => {
      throw new TypeError("bug");
    }),
  ).toThrow(TypeError);
});
