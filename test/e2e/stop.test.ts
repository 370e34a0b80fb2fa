import { join } from "node:path";
import SQLite from "better-sqlite3";
import { expect, test, vi } from "vitest";
import { ContainerWatch } from "../support/e2e-containers.ts";
import { standIn } from "../support/e2e-images.ts";
import { layout, type ServerProcess, serverForTest } from "../support/e2e-server.ts";

const toolchain = standIn("toolchain");
const versions = { latest: toolchain };

test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
  "%s in mid-build: it finishes, its client is answered, the exit status is 0",
  async (signal) => {
    const watch = await ContainerWatch.open();
    const server = await serverForTest({ versions, environment: { KIISRV_GRACE_SECONDS: "60" } });
    const asked = server.post(layout("gated"));
    const { build } = await watch.next(server.instance, "start");

    server.signal(signal);
    await server.logged('"msg":"stopping"');
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
    await server.openGate(build);
    expect(await asked).toMatchObject({ status: 200, success: true });
    expect(await server.ended()).toEqual({ code: 0, signal: null });

    await server.start();
    expect(await server.post(layout("gated"))).toMatchObject({ status: 200, success: true });
    expect(await watch.made(server.instance)).toHaveLength(1);
  },
);

test("SIGTERM with a build longer than the grace time: it is put back and done after the restart", async () => {
  const watch = await ContainerWatch.open();
  const server = await serverForTest({ versions, environment: { KIISRV_GRACE_SECONDS: "1" } });
  const asked = server.post(layout("gated"));
  await watch.next(server.instance, "start");

  server.signal("SIGTERM");
  expect(await asked).toMatchObject({
    status: 503,
    code: "shutting-down",
    type: expect.stringMatching(/json/),
  });
  expect(await server.ended()).toEqual({ code: 0, signal: null });
  expect(statuses(server)).toEqual(["queued"]);

  const before = (await watch.of(server.instance)).length;
  expect(before).toBeGreaterThan(0);
  await restartAndFinish(server, watch);
  expect(await server.post(layout("gated"))).toMatchObject({ status: 200, success: true });
  expect(await watch.made(server.instance)).toHaveLength(2);
});

test("SIGTERM with builds waiting: their clients are told, the builds run after the restart", async () => {
  const watch = await ContainerWatch.open();
  const environment = { KIISRV_GRACE_SECONDS: "60", KIISRV_CONCURRENCY: "1" };
  const server = await serverForTest({ versions, environment });
  const running = server.post(layout("gated"));
  const { build } = await watch.next(server.instance, "start");
  const waiting = ["One", "Two"].map((name) => server.post(layout("compiles", name)));
  await vi.waitFor(() => expect(statuses(server)).toEqual(["running", "queued", "queued"]), 10_000);

  server.signal("SIGTERM");
  for (const answer of await Promise.all(waiting)) {
    expect(answer).toMatchObject({ status: 503, code: "shutting-down", type: expect.stringMatching(/json/) });
  }
  await server.openGate(build);
  expect(await running).toMatchObject({ status: 200, success: true });
  expect(await server.ended()).toEqual({ code: 0, signal: null });
  expect(statuses(server)).toEqual(["succeeded", "queued", "queued"]);

  await server.start();
  await vi.waitFor(() => expect(new Set(statuses(server))).toEqual(new Set(["succeeded"])), 30_000);
  for (const name of ["One", "Two"]) {
    expect(await server.post(layout("compiles", name))).toMatchObject({ status: 200, success: true });
  }
  expect(await watch.made(server.instance)).toHaveLength(3);
});

/** A second SIGTERM, or a Ctrl-C from somebody impatient, must not cut the first one short. */
test("a second signal changes nothing", async () => {
  const watch = await ContainerWatch.open();
  const server = await serverForTest({ versions, environment: { KIISRV_GRACE_SECONDS: "60" } });
  const asked = server.post(layout("gated"));
  const { build } = await watch.next(server.instance, "start");

  server.signal("SIGTERM");
  await server.logged('"msg":"stopping"');
  server.signal("SIGTERM");
  await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  await server.openGate(build);
  expect(await asked).toMatchObject({ status: 200, success: true });
  expect(await server.ended()).toEqual({ code: 0, signal: null });
  await server.start();
});

async function restartAndFinish(server: ServerProcess, watch: ContainerWatch): Promise<void> {
  const before = watch.events.length;
  await server.start();
  const { build } = await watch.next(server.instance, "start", before);
  await server.openGate(build);
  await server.logged("build ends");
}

/** The status of each build, oldest first, as it lies on disk. */
function statuses(server: ServerProcess): string[] {
  const database = new SQLite(join(server.directories.data, "builds.db"), { readonly: true });
  try {
    return database.prepare<[], string>("SELECT status FROM Builds ORDER BY number").pluck().all();
  } finally {
    database.close();
  }
}
