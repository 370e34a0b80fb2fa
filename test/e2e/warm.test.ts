import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import Docker from "dockerode";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { defaultPatience } from "../../src/runner/daemon.ts";
import { differentRequest, temporaryDirectory } from "../support/app.ts";
import { proxyDaemon } from "../support/daemon-proxy.ts";
import { image, requireImage } from "../support/demo.ts";
import { post } from "../support/e2e-client.ts";
import { ContainerWatch, containersOf } from "../support/e2e-containers.ts";
import { ServerProcess } from "../support/e2e-server.ts";

const layouts = fileURLToPath(new URL("../../layouts", import.meta.url));

beforeAll(() => requireImage(image));

/** A server that keeps one container waiting, with a demo layout built, so that one does wait. */
async function warmServer(
  more: Record<string, string> = {},
): Promise<{ server: ServerProcess; slot: string }> {
  const environment = { KIISRV_WARM: "1", KIISRV_LOG_LEVEL: "debug", ...more };
  const server = await ServerProcess.create({ directories: { layouts }, environment });
  onTestFinished(() => server.remove());
  await server.start();
  await build(server, 1);
  return { server, slot: await nextSlot(server) };
}

async function build(server: ServerProcess, number: number): Promise<void> {
  expect(await post(server.url, differentRequest(number))).toMatchObject({ status: 200, success: true });
}

/** The container that waits next, after so many lines of the log. */
async function nextSlot(server: ServerProcess, from = 0): Promise<string> {
  const line = await server.logged("a warm container waits", from);
  return (JSON.parse(line) as { slot: string }).slot;
}

test("a waiting container builds the next layout, once; SIGTERM removes the one that waits then", async () => {
  const watch = await ContainerWatch.open();
  const { server, slot } = await warmServer();
  const from = server.log.length;
  await build(server, 2);
  expect(await server.logged("a build takes a warm container", from)).toContain(slot);
  const next = await nextSlot(server, from);
  await vi.waitFor(async () => expect(await containersOf(server.instance)).toEqual([`/kiisrv-${next}`]));
  // The first build's own, the one that waited for the second, the one that waits now.
  expect(await watch.made(server.instance)).toHaveLength(3);

  server.signal("SIGTERM");
  expect(await server.ended()).toEqual({ code: 0, signal: null });
  await expectNothingLeft(server);
});

test("after kill -9 the waiting container ends by itself, and the restart removes it", async () => {
  const { server, slot } = await warmServer();
  const waiting = new Docker().getContainer(`kiisrv-${slot}`);
  expect((await waiting.inspect()).State.Running).toBe(true);
  server.signal("SIGKILL");
  await server.ended();
  await vi.waitFor(async () => expect((await waiting.inspect()).State.Running).toBe(false), 20_000);

  const from = server.log.length;
  await server.start();
  await vi.waitFor(() => expectNothingLeft(server), 20_000);
  await build(server, 2);
  expect(await nextSlot(server, from)).not.toBe(slot);
});

test("a daemon that hangs keeps no server from ending; the next start removes what waited", async () => {
  const socket = join(temporaryDirectory(), "docker.sock");
  const daemon = await proxyDaemon(socket);
  onTestFinished(() => daemon.close());
  const { server } = await warmServer({ DOCKER_HOST: `unix://${socket}` });
  const patience = sleep(defaultPatience, "waited for the daemon", { ref: false });
  daemon.freeze();
  server.signal("SIGTERM");
  expect(await Promise.race([server.ended(), patience])).toEqual({ code: 0, signal: null });

  await daemon.close();
  const back = await proxyDaemon(socket);
  onTestFinished(() => back.close());
  await server.start();
  await vi.waitFor(() => expectNothingLeft(server), 20_000);
});

async function expectNothingLeft(server: ServerProcess): Promise<void> {
  const { tmpConfig, tmpBuilds } = server.directories;
  expect(await containersOf(server.instance)).toEqual([]);
  expect([...(await readdir(tmpConfig)), ...(await readdir(tmpBuilds))]).toEqual([]);
}
