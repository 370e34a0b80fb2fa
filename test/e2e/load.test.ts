import { randomBytes } from "node:crypto";
import { copyFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import SQLite from "better-sqlite3";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { differentRequest, repositoryLayouts, temporaryDirectory } from "../support/app.ts";
import { proxyDaemon } from "../support/daemon-proxy.ts";
import { image, requireImage } from "../support/demo.ts";
import { containersOf } from "../support/e2e-containers.ts";
import { ServerProcess } from "../support/e2e-server.ts";
import { LoadClient } from "../support/load-client.ts";
import { builtOf, type Move, moves, post, type Target } from "../support/load-moves.ts";
import { type Health, Storm, watchHealth } from "../support/load-storm.ts";
import { openDescriptors, peakMemory } from "../support/process-facts.ts";

/** How many times longer than usual to go on: SOAK=10 finds what grows slowly. */
const soak = Number(process.env.SOAK ?? 1);

/** What the server may have at its peak, MiB. */
const memoryLimit = 300;

/** Of a polite client in all: less than the budget of a minute, however fast the machine is. */
const politeMoves = 95 * soak;
const budget = 110 * soak;
/** Builds an hour; a polite client asks for fewer in all. */
const buildBudget = 4 * soak;

const greedy: Move[] = moves
  .filter(({ name }) => ["a kept build", "a zip"].includes(name))
  .map((move) => ({ ...move, share: 500, outcomes: ["200", "429 rate-limited"] }));

const building: Move[] = moves
  .filter(({ name }) => name === "a new build")
  .map((move) => ({ ...move, share: 1000, outcomes: ["200", "429 rate-limited"] }));

beforeAll(() => requireImage(image));

test("20,000 requests from 200 clients: each is answered as it should be, and nothing is left of them", {
  timeout: soak * 300_000,
}, async () => {
  const server = await serverWithLibrary({
    KIISRV_RATE_REQUESTS: String(budget),
    KIISRV_RATE_BUILDS: String(buildBudget),
  });
  const target = await targetOf(server);
  const storm = new Storm(server.url, target);
  const before = await openDescriptors(server.pid);

  const health = await watchHealth(server.url, () =>
    Promise.all([
      storm.unleash({ clients: 190, moves: politeMoves, hands: 1, deck: moves }),
      storm.unleash({ clients: 9, moves: 220 * soak, hands: 10, deck: greedy }),
      storm.unleash({ clients: 1, moves: 20 * soak, hands: 2, deck: building }),
    ]),
  );

  expect(tallied(storm.surprises)).toEqual({});
  expect(storm.made).toBeGreaterThanOrEqual(20_000 * soak);
  expect([...storm.outcomes.keys()].sort()).toEqual(moves.map(({ name }) => name).sort());
  expect(storm.count("a kept build", "429 rate-limited")).toBeGreaterThan(0);
  expect(storm.count("a new build", "429 rate-limited")).toBeGreaterThan(0);
  expect(failures(server)).toEqual([]);
  const built = storm.count("a new build", "200") + storm.count("a new build nobody waits for", "gone");
  await vi.waitFor(() => expectOneRunEach(server, target.kept.length + built + storm.common.size), 30_000);

  await expectSettled(server, before);
  expect(await report(storm, server, health)).toBeLessThan(memoryLimit);
  await expectCleanEnd(server);
});

test("a daemon that goes away in the middle of it and comes back", { timeout: soak * 300_000 }, async () => {
  const socket = join(temporaryDirectory(), "docker.sock");
  let daemon = await proxyDaemon(socket);
  onTestFinished(() => daemon.close());
  const server = await serverWithLibrary({ DOCKER_HOST: `unix://${socket}` });
  const storm = new Storm(server.url, await targetOf(server));
  const before = await openDescriptors(server.pid);
  const clients = 60;
  const total = clients * politeMoves;

  const health = await watchHealth(server.url, () =>
    Promise.all([
      storm.unleash({ clients, moves: politeMoves, hands: 1, deck: moves, tolerated: withoutDaemon }),
      storm.reached(total / 4).then(() => daemon.cut()),
      storm.reached(total / 2).then(async () => {
        await daemon.close();
        daemon = await proxyDaemon(socket);
      }),
    ]),
  );

  expect(tallied(storm.surprises)).toEqual({});
  expect(storm.count("readiness", "503")).toBeGreaterThan(0);
  expect(storm.count("a new build for many", "503 runner-unavailable")).toBeGreaterThan(0);
  expect(failures(server).filter(({ code }) => code !== "runner-unavailable")).toEqual([]);
  const client = new LoadClient(server.url, "127.0.0.1", 4);
  const again = storm.numbers.map(async (number) => builtOf(await post(client, differentRequest(number))));
  expect(tallied(await Promise.all(again))).toEqual({ 200: again.length });
  client.close();
  await vi.waitFor(() => expectNothingUnfinished(server), 30_000);

  await expectSettled(server, before);
  expect(await report(storm, server, health)).toBeLessThan(memoryLimit);
  await expectCleanEnd(server);
});

/** What may come of moves while no daemon answers. */
const withoutDaemon = {
  "a new build": ["503 runner-unavailable"],
  "a new build for many": ["503 runner-unavailable"],
  readiness: ["503"],
};

/** As in the field: with a container that waits, and with budgets if any are given. */
async function serverWithLibrary(environment: Record<string, string>): Promise<ServerProcess> {
  const server = await ServerProcess.create({ environment: { KIISRV_WARM: "1", ...environment } });
  onTestFinished(async ({ task }) => {
    if (task.result?.state === "fail") console.error(server.log.slice(-200).join("\n"));
    await server.remove();
  });
  // Beside those of the broken requests: they are about a library that can build, too.
  for (const name of ["Demo-Base.json", "Demo-Standard.json"]) {
    await copyFile(join(repositoryLayouts, name), join(server.directories.layouts, name));
  }
  await server.start();
  return server;
}

/** Builds what is asked for again in a storm. */
async function targetOf(server: ServerProcess): Promise<Target> {
  const client = new LoadClient(server.url, "127.0.0.1");
  const kept = [];
  for (const number of [1, 2, 3]) {
    const body = differentRequest(number);
    const reply = await post(client, body);
    expect(builtOf(reply)).toBe("200");
    kept.push({ body, answer: reply.bytes });
  }
  const { filename } = JSON.parse(String(kept[0]?.answer)) as { filename: string };
  const zip = filename.replace(/^\./, "");
  const name = "Demo-Large-0123456789abcdef.zip";
  const bytes = randomBytes(8 * 1024 * 1024);
  await writeFile(join(server.directories.artifacts, name), bytes);
  const target = {
    kept,
    zip: { path: zip, bytes: (await client.ask(zip)).bytes },
    large: { path: `/tmp/${name}`, bytes },
  };
  client.close();
  return target;
}

function tallied(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}

/** What the server has logged as an error, or worse. */
function failures({ log }: ServerProcess): { msg: string; code: string | undefined }[] {
  return log
    .map((line) => JSON.parse(line) as { level: number; msg: string; err?: { code?: string } })
    .filter(({ level }) => level >= 50)
    .map(({ msg, err }) => ({ msg, code: err?.code }));
}

/** Each layout that was accepted was built once, to its end, whoever waited for it. */
function expectOneRunEach(server: ServerProcess, count: number): void {
  const rows = buildsOf(server);
  expect(tallied(rows.map(({ status }) => status))).toEqual({ succeeded: count });
  expect(new Set(rows.map(({ key }) => key)).size).toBe(count);
}

function expectNothingUnfinished(server: ServerProcess): void {
  const statuses = new Set(buildsOf(server).map(({ status }) => status));
  expect([...statuses].filter((status) => !["succeeded", "cancelled"].includes(status))).toEqual([]);
}

function buildsOf({ directories }: ServerProcess): { key: string; status: string }[] {
  const database = new SQLite(join(directories.data, "builds.db"), { readonly: true });
  try {
    return database.prepare<[], { key: string; status: string }>("SELECT key, status FROM Builds").all();
  } finally {
    database.close();
  }
}

/** What a container that waits holds open, and databases from their first writing on. */
const moreDescriptors = 8;

/** What the storm took is given back: but for the one container that waits, nothing is there. */
async function expectSettled(server: ServerProcess, descriptorsBefore: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const { containers, inputs, outputs } = await leftovers(server);
      expect(containers.length).toBeLessThanOrEqual(1);
      expect(inputs.length).toBeLessThanOrEqual(containers.length);
      expect(outputs.length).toBeLessThanOrEqual(containers.length);
      expect(await openDescriptors(server.pid)).toBeLessThanOrEqual(descriptorsBefore + moreDescriptors);
    },
    { timeout: 20_000, interval: 200 },
  );
}

async function expectCleanEnd(server: ServerProcess): Promise<void> {
  server.signal("SIGTERM");
  expect(await server.ended()).toEqual({ code: 0, signal: null });
  expect(await leftovers(server)).toEqual({ containers: [], inputs: [], outputs: [], unfinished: [] });
}

async function leftovers(server: ServerProcess) {
  const { tmpConfig, tmpBuilds } = server.directories;
  const artifacts = await server.artifacts();
  return {
    containers: await containersOf(server.instance),
    inputs: await readdir(tmpConfig),
    outputs: await readdir(tmpBuilds),
    unfinished: artifacts.filter((name) => !/^[^.].*\.zip$/.test(name)),
  };
}

/** Prints what is worth comparing from one time to the next. @returns the server's peak memory, MiB */
async function report(storm: Storm, server: ServerProcess, { seconds, worst }: Health): Promise<number> {
  const peak = await peakMemory(server.pid);
  const figures = `peak ${peak.toFixed(0)} MiB, slowest /healthz ${worst.toFixed(0)} ms`;
  console.log(`${storm.made} requests in ${seconds.toFixed(0)} s: ${figures}`);
  return peak;
}
