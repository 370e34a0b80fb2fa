import { setTimeout as sleep } from "node:timers/promises";
import autocannon from "autocannon";
import { type Figure, printFigures } from "./support/numbers.ts";
import { bigRequest } from "./support/request.ts";
import { post, startServer } from "./support/server.ts";

/** Seconds of load per figure. */
const duration = 8;

/** Start, idle memory, and cached answers for a 76 kB document; the server has one core. */
export async function benchHttp(): Promise<Figure[]> {
  const server = await startServer({ core: 0 });
  try {
    await sleep(2000);
    const idle = server.memory() / 1024 / 1024;
    const body = bigRequest("bench");
    await post(server.url, body);
    const floor = await load(`${server.url}/healthz`, 1);
    const one = await load(`${server.url}/`, 1, body);
    const many = await load(`${server.url}/`, 32, body);
    return [
      { name: "start to ready", value: server.startMilliseconds, unit: "ms", expected: "< 1500" },
      { name: "idle memory", value: idle, unit: "MiB", expected: "< 120" },
      {
        name: `cached POST of ${body.length} bytes, 1 client, p50`,
        value: one.p50,
        unit: "ms",
        expected: "< 3",
      },
      { name: "the same, p99", value: one.p99, unit: "ms" },
      { name: "the same, 32 clients", value: many.perSecond, unit: "1/s", expected: ">= 1000" },
      { name: "the same, 32 clients, p50", value: many.p50, unit: "ms" },
      { name: "the same, 32 clients, p99", value: many.p99, unit: "ms" },
      {
        name: "ratio to GET /healthz, 1 client (requests/s)",
        value: floor.perSecond / one.perSecond,
        unit: "x",
      },
    ];
  } finally {
    await server.stop();
  }
}

async function load(url: string, connections: number, body?: string) {
  const request = body === undefined ? {} : { method: "POST" as const, body };
  const headers = { "content-type": "application/json" };
  const result = await autocannon({ url, connections, duration, headers, ...request });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx + result.errors} requests failed`);
  // autocannon counts whole milliseconds; the mean of one client's answers is finer.
  const p50 =
    connections === 1
      ? Math.min(result.latency.p50 || 1, 1000 / result.requests.average)
      : result.latency.p50;
  return { perSecond: result.requests.average, p50, p99: result.latency.p99 };
}

if (import.meta.main) printFigures("HTTP", await benchHttp());
