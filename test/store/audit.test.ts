import { join } from "node:path";
import { expect, test } from "vitest";
import { AuditLog, openAccess } from "../../src/store/audit.ts";
import { scratch } from "./helpers.ts";

function open() {
  const database = openAccess(join(scratch(), "access.db"));
  const clock = { time: 0 };
  return { database, clock, audit: new AuditLog(database, () => clock.time) };
}

test("the audit log tells the newest first, from a time on, so many", () => {
  const { audit, clock } = open();
  for (const what of ["a", "b", "c", "d"]) {
    clock.time += 10;
    audit.add({ event: "build", who: "client c0ffee", what });
  }
  const told = (options?: Parameters<AuditLog["read"]>[0]) => audit.read(options).map(({ what }) => what);
  expect(told()).toEqual(["d", "c", "b", "a"]);
  expect(told({ since: 20 })).toEqual(["d", "c", "b"]);
  expect(told({ since: 20, limit: 2 })).toEqual(["d", "c"]);
});

test("an entry is one line of printable text, whatever strangers write", () => {
  const { audit } = open();
  audit.add({
    event: "key-refused",
    who: "client \u001b[2J",
    what: `GET /\r\n{"event":"fake"}\u2028\u0000é${"x".repeat(500)}`,
  });
  const [entry] = audit.read();
  expect(entry?.who).toBe("client ?[2J");
  expect(entry?.what).toMatch(/^GET \/\?\?\{"event":"fake"\}\?\?\?x+$/);
  expect(entry?.what.length).toBe(200);
});

test("no entry can be changed", () => {
  const { audit, database } = open();
  audit.add({ event: "build", who: "client c0ffee", what: "a" });
  expect(() => database.exec("UPDATE Audit SET who = 'nobody'")).toThrow("only ever added to");
});

test("the oldest entries go, so that the log has a bound", () => {
  const { audit, database } = open();
  database.exec(`
    WITH RECURSIVE Many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM Many WHERE n < 101998)
    INSERT INTO Audit SELECT n, n, 'build', 'client c0ffee', 'old', 1 FROM Many`);
  const rows = () => database.prepare("SELECT min(number), count(*) FROM Audit").raw().get();
  audit.add({ event: "build", who: "client c0ffee", what: "new" });
  expect(rows()).toEqual([1, 101_999]);
  audit.add({ event: "build", who: "client c0ffee", what: "new" });
  expect(rows()).toEqual([2001, 100_000]);
  expect(audit.read({ limit: 1 })[0]?.what).toBe("new");
});
