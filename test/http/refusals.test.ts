import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Refusals } from "../../src/http/refusals.ts";
import type { AuditLog } from "../../src/store/audit.ts";

type Entry = Parameters<AuditLog["add"]>[0];

function open(add?: (entry: Entry) => void) {
  vi.useFakeTimers();
  const written: Entry[] = [];
  const warnings: string[] = [];
  const refusals = new Refusals({
    audit: { add: add ?? ((entry) => written.push(entry)) },
    logger: { warn: (_, message) => warnings.push(message) },
  });
  onTestFinished(() => {
    refusals.close();
    vi.useRealTimers();
  });
  return { refusals, written, warnings };
}

describe("refusals", () => {
  test("are written at once, and those that follow within a minute together", () => {
    const { refusals, written } = open();
    for (let count = 0; count < 1000; count++) refusals.note("rate-limited", "client a", "GET /");
    refusals.note("rate-limited", "client b", "GET /");
    refusals.note("key-refused", "client a", "GET /admin/keys");
    expect(written.map(({ event, who, count }) => [event, who, count])).toEqual([
      ["rate-limited", "client a", 1],
      ["rate-limited", "client b", 1],
      ["key-refused", "client a", 1],
    ]);
    vi.advanceTimersByTime(60_000);
    expect(written.slice(3)).toEqual([{ event: "rate-limited", who: "client a", what: "GET /", count: 999 }]);
    refusals.note("rate-limited", "client a", "GET /");
    expect(written.length).toBe(5);
  });

  test("of very many callers are counted together, so that the log grows by no more than 202 entries a minute", () => {
    const { refusals, written } = open();
    for (let round = 0; round < 2; round++) {
      for (let number = 0; number < 10_000; number++)
        refusals.note("rate-limited", `client ${number}`, "GET /");
    }
    vi.advanceTimersByTime(60_000);
    expect(written.length).toBe(202);
    expect(written.reduce((sum, { count = 0 }) => sum + count, 0)).toBe(20_000);
    expect(written.filter(({ who }) => who === "others").map(({ count }) => count)).toEqual([1, 19_799]);
  });

  test("that were not yet written are, at the end", () => {
    const { refusals, written } = open();
    for (let count = 0; count < 3; count++) refusals.note("key-refused", "client a", "GET /");
    refusals.close();
    expect(written.at(-1)?.count).toBe(2);
  });

  test("that cannot be written cost nobody an answer", () => {
    const { refusals, warnings } = open(() => {
      throw new Error("the disk is full");
    });
    refusals.note("rate-limited", "client a", "GET /");
    expect(warnings).toEqual(["a refusal cannot be written to the audit log"]);
  });
});
