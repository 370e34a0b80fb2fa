import { execFileSync } from "node:child_process";
import { Agent, request } from "node:http";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import autocannon from "autocannon";
import { type Figure, printFigures, quantile } from "./support/numbers.ts";
import { bigRequest } from "./support/request.ts";
import { post, startServer } from "./support/server.ts";

/** Seconds of load per figure. */
const duration = 8;

/** Start, idle memory, and cached answers for a 76 kB document; the server has one core, its clients have another. */
export async function benchHttp(): Promise<Figure[]> {
  // Else the scheduler likes to put a client that waits on the core of the server it wakes up.
  execFileSync("taskset", ["--all-tasks", "--pid", "--cpu-list", "1", String(process.pid)], {
    stdio: "ignore",
  });
  const server = await startServer({ core: 0 });
  try {
    await sleep(2000);
    const idle = server.memory() / 1024 / 1024;
    const body = bigRequest("bench");
    await post(server.url, body);
    const floor = await oneByOne(`${server.url}/healthz`);
    const one = await oneByOne(`${server.url}/`, body);
    const many = await load(`${server.url}/`, 32, body);
    return [
      { name: "start to ready", value: server.startMilliseconds, unit: "ms", expected: "< 1500" },
      { name: "idle memory", value: idle, unit: "MiB", expected: "< 120" },
      {
        name: `cached POST of ${body.length} bytes, 1 client, p50`,
        value: quantile(one, 0.5),
        unit: "ms",
        expected: "< 3",
      },
      { name: "the same, p99", value: quantile(one, 0.99), unit: "ms" },
      { name: "the same, 32 clients", value: many.perSecond, unit: "1/s", expected: ">= 1000" },
      { name: "the same, 32 clients, p50", value: many.p50, unit: "ms" },
      { name: "the same, 32 clients, p99", value: many.p99, unit: "ms" },
      {
        name: "ratio to GET /healthz, 1 client, p50",
        value: quantile(one, 0.5) / quantile(floor, 0.5),
        unit: "x",
      },
    ];
  } finally {
    await server.stop();
    execFileSync("taskset", ["--all-tasks", "--pid", "--cpu-list", allCores, String(process.pid)], {
      stdio: "ignore",
    });
  }
}

/** As taskset has it. */
const allCores = `0-${availableParallelism() - 1}`;

/** How long each answer takes one client that asks again as soon as it has it, milliseconds (autocannon counts whole ones). */
async function oneByOne(url: string, body?: string): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sample: number[] = [];
  const end = performance.now() + duration * 1000;
  try {
    for (let start = performance.now(); start < end; start = performance.now()) {
      await ask(url, agent, body);
      sample.push(performance.now() - start);
    }
  } finally {
    agent.destroy();
  }
  return sample;
}

function ask(url: string, agent: Agent, body?: string): Promise<void> {
  const method = body === undefined ? "GET" : "POST";
  return new Promise((resolve, reject) => {
    const asking = request(url, { agent, method, headers: { "Content-Type": "application/json" } });
    asking.on("error", reject);
    asking.on("response", (answer) => {
      answer.on("error", reject);
      answer.on("end", () =>
        answer.statusCode === 200 ? resolve() : reject(new Error(`status ${answer.statusCode}`)),
      );
      answer.resume();
    });
    asking.end(body);
  });
}

async function load(url: string, connections: number, body: string) {
  const headers = { "content-type": "application/json" };
  const result = await autocannon({ url, connections, duration, headers, method: "POST", body });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx + result.errors} requests failed`);
  return { perSecond: result.requests.average, p50: result.latency.p50, p99: result.latency.p99 };
}

if (import.meta.main) printFigures("HTTP", await benchHttp());
