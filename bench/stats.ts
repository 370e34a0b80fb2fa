import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStats, StatsStore } from "../src/store/stats.ts";
import { formatStats } from "../src/store/summary.ts";

export interface Measurement {
  name: string;
  /** Milliseconds. */
  median: number;
  /** Milliseconds. */
  p99: number;
}

const rows = 1_000_000;

/** What `/stats` would have to do without its totals. */
const scan = `SELECT count(*), count(DISTINCT hash), count(DISTINCT ip_addr), sum(layers), sum(build_duration),
  count(DISTINCT os), sum(web), count(DISTINCT board || '-' || variant), count(DISTINCT container) FROM Requests`;

/** `/stats` over a table of 1,000,000 requests, against a scan of the same table; and what one more request costs. */
export async function benchStats(): Promise<Measurement[]> {
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
    return [
      measure(`first start with ${rows} rows to count`, 1, () => store.catchUp()),
      measure("start with nothing new to count", 20, () => new StatsStore(database).catchUp()),
      measure(`/stats of ${rows} rows`, 1000, () => formatStats(store.summary())),
      measure(`scan of ${rows} rows`, 3, () => database.prepare(scan).get()),
      measure("record one more request", 5000, () => store.record(request)),
    ];
  } finally {
    database.close();
    rmSync(directory, { recursive: true });
  }
}

function measure(name: string, times: number, work: () => unknown): Measurement {
  const taken = Array.from({ length: times }, () => {
    const start = performance.now();
    work();
    return performance.now() - start;
  }).sort((a, b) => a - b);
  const at = (share: number): number => taken[Math.min(times - 1, Math.floor(times * share))] ?? Number.NaN;
  return { name, median: at(0.5), p99: at(0.99) };
}

if (import.meta.main) {
  const measurements = await benchStats();
  for (const { name, median, p99 } of measurements) {
    console.log(`${name}: median ${median.toFixed(3)} ms, p99 ${p99.toFixed(3)} ms`);
  }
  const median = (word: string): number =>
    measurements.find(({ name }) => name.startsWith(word))?.median ?? Number.NaN;
  console.log(`a scan takes ${Math.round(median("scan") / median("/stats"))} times as long as /stats`);
}
