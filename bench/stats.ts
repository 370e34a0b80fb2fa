import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStats, StatsStore } from "../src/store/stats.ts";
import { formatStats } from "../src/store/summary.ts";
import { type Figure, printFigures, quantile } from "./support/numbers.ts";

const rows = 1_000_000;

/** What `/stats` would have to do without its totals. */
const scan = `SELECT count(*), count(DISTINCT hash), count(DISTINCT ip_addr), sum(layers), sum(build_duration),
  count(DISTINCT os), sum(web), count(DISTINCT board || '-' || variant), count(DISTINCT container) FROM Requests`;

/** `/stats` over a table of 1,000,000 requests, against a scan of the same table; and what one more request costs. */
export async function benchStats(): Promise<Figure[]> {
  const directory = mkdtempSync(join(tmpdir(), "kiisrv-bench-"));
  const database = openStats(join(directory, "stats.db"));
  try {
    // As a file from elsewhere comes: rows, and no totals. 400,000 different builds by 50,000 users on 3,000 keyboards.
    database.exec(`
      WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${rows})
      INSERT INTO Requests (ip_addr, os, web, hash, board, variant, layers, container, success, request_time, build_duration)
      SELECT printf('%032x', n * 7919 % 50000), CASE n % 3 WHEN 0 THEN 'Windows' WHEN 1 THEN 'Linux' ELSE 'Mac' END,
        n % 2, printf('%064x', n * 104729 % 400000 * 2654435761 % 4294967296), 'Board' || (n % 12), 'Layout' || (n % 3000),
        1 + n % 4, 'controller-05' || (n % 8), 1, '2026-01-01T00:00:00.000Z', iif(n % 3, NULL, n % 60000) FROM n`);
    const store = new StatsStore(database);
    const request = {
      client: "bench",
      os: "Linux",
      web: true,
      hash: "bench",
      board: "Board1",
      variant: "Layout1",
      layers: 2,
      container: "controller-057",
      success: true,
      requestedAt: new Date(),
      buildMilliseconds: null,
    };
    const backlog = measure(1, () => store.summary());
    const start = measure(20, () => new StatsStore(database).summary());
    const answer = measure(1000, () => formatStats(store.summary()));
    const scanned = measure(3, () => database.prepare(scan).get());
    const recorded = measure(5000, () => store.record(request));
    const ms = (name: string, sample: number[], q: number): Figure => ({
      name,
      value: quantile(sample, q),
      unit: "ms",
    });
    return [
      { ...ms("/stats, median", answer, 0.5), expected: "< 20" },
      ms("/stats, p99", answer, 0.99),
      ms("the same by a scan, median", scanned, 0.5),
      {
        name: "ratio of the scan to /stats",
        value: quantile(scanned, 0.5) / quantile(answer, 0.5),
        unit: "x",
      },
      ms("count all rows of a file from elsewhere, once", backlog, 0.5),
      ms("start with nothing new to count, median", start, 0.5),
      ms("record one more request, median", recorded, 0.5),
      ms("record one more request, p99", recorded, 0.99),
    ];
  } finally {
    database.close();
    rmSync(directory, { recursive: true });
  }
}

/** How long each of `times` goes takes, in milliseconds. */
function measure(times: number, work: () => unknown): number[] {
  return Array.from({ length: times }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  });
}

if (import.meta.main) printFigures("Statistics over 1,000,000 requests", await benchStats());
