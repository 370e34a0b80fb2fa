import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { ContainerWatch } from "../support/e2e-containers.ts";
import { SpareDaemon } from "../support/e2e-daemon.ts";
import { standIn } from "../support/e2e-images.ts";
import { canRunDaemon } from "../support/e2e-root.ts";
import { layout, type ServerProcess, serverForTest } from "../support/e2e-server.ts";

const toolchain = standIn("toolchain");

describe.skipIf(!canRunDaemon)("a daemon of our own that stops in mid-build (needs root and dockerd)", () => {
  let daemon: SpareDaemon;

  beforeAll(async () => {
    daemon = await SpareDaemon.create();
    await daemon.start();
    await daemon.load(toolchain);
  });

  afterAll(() => daemon.remove());

  test("the waiting are told, and the build is done once it is back", async () => {
    const watch = await ContainerWatch.open(daemon.docker);
    const server = await serverForTest({
      versions: { latest: toolchain },
      environment: { DOCKER_HOST: daemon.host },
      daemon: daemon.docker,
    });
    const kept = await server.post(layout("compiles"));
    const asked = server.post(layout("gated"));
    const { build } = await watch.until((events) =>
      events.find(({ action, container }) => action === "start" && container !== events[0]?.container),
    );

    await daemon.stop();
    expect(await asked).toMatchObject({ status: 503, code: "runner-unavailable", type: json });
    await expectReadiness(server, { status: 503, error: expect.stringMatching(/daemon/) });
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    // What was built needs no daemon; what was not is refused at once.
    expect(await server.post(layout("compiles"))).toEqual(kept);
    expect(await server.post(layout("compiles", "Other"))).toMatchObject({ status: 503, type: json });

    await daemon.start();
    const job = build.slice(0, -"-12345678".length);
    await server.openGate(await nextAttempt(server, job, build));
    await server.logged(`"build":"${job}","status":"succeeded"`);
    const back = await ContainerWatch.open(daemon.docker);
    expect(await server.post(layout("gated"))).toMatchObject({ status: 200, success: true });
    expect(await back.made(server.instance)).toEqual([]);
    expect(await server.post(layout("compiles", "Another"))).toMatchObject({ status: 200, success: true });
    await expectReadiness(server, { status: 200 });
    // What was refused meanwhile is built for who asks again.
    expect(await server.post(layout("compiles", "Other"))).toMatchObject({ status: 200, success: true });
  });
});

const json = expect.stringMatching(/^application\/json/);

/** The server looks at the daemon once a second at most, so it may take that long to notice. */
async function expectReadiness(server: ServerProcess, expected: object): Promise<void> {
  await expect
    .poll(
      async () => {
        const response = await fetch(`${server.url}/readyz`);
        const { error } = (await response.json()) as { error?: string };
        return { status: response.status, ...(error === undefined ? {} : { error }) };
      },
      { timeout: 20_000 },
    )
    .toEqual(expected);
}

/** The id under which a build runs anew: its directory appears beside, or instead of, the one it had before. */
function nextAttempt(server: ServerProcess, job: string, before: string): Promise<string> {
  return vi.waitFor(
    async () => {
      const ids = await readdir(server.directories.tmpConfig);
      const found = ids.find((id) => id.startsWith(job) && id !== before);
      if (found === undefined) throw new Error(`${job} does not run again: ${ids.join(", ")}`);
      return found;
    },
    { timeout: 60_000, interval: 50 },
  );
}
