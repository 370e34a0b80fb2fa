import { cp, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test, vi } from "vitest";
import {
  demoRequest,
  differentRequest,
  repository,
  repositoryLayouts,
  temporaryDirectory,
} from "../support/app.ts";
import { image, requireImage } from "../support/demo.ts";
import { post } from "../support/e2e-client.ts";
import { standIn } from "../support/e2e-images.ts";
import { layout, ServerProcess } from "../support/e2e-server.ts";
import { filterDaemon } from "../support/socket-filter.ts";

const toolchain = standIn("toolchain");

beforeAll(() => requireImage(image));

/** The calls that docs/SECURITY.md says a filter before the socket has to let through. */
async function documentedCalls(): Promise<{ call: string; pattern: RegExp }[]> {
  const text = await readFile(join(repository, "docs/SECURITY.md"), "utf8");
  const lines = text.match(/^(GET|POST|DELETE|PUT|HEAD) +\/\S+$/gm) ?? [];
  return lines.map((line) => {
    const call = line.replace(/ +/, " ");
    return { call, pattern: new RegExp(`^${call.replaceAll("{id}", "(?!create$|json$)[^/]+")}$`) };
  });
}

test("a server needs the calls of Docker's API that are documented, and no others", async () => {
  const documented = await documentedCalls();
  const socket = join(temporaryDirectory(), "docker.sock");
  const calls = await filterDaemon(socket, (call) => documented.some(({ pattern }) => pattern.test(call)));
  const unused = () =>
    documented.flatMap(({ call, pattern }) => (calls.passed.some((one) => pattern.test(one)) ? [] : [call]));
  const environment = {
    DOCKER_HOST: `unix://${socket}`,
    KIISRV_WARM: "1",
    KIISRV_BUILD_LOG_MIB: "1",
    KIISRV_START_CHECKS: "full",
    KIISRV_LOG_LEVEL: "debug",
  };
  const server = await ServerProcess.create({ versions: { latest: toolchain }, environment });
  onTestFinished(() => server.remove());
  await cp(repositoryLayouts, server.directories.layouts, { recursive: true });
  await server.start();

  expect(await post(server.url, demoRequest())).toMatchObject({ status: 200, success: true });
  await server.logged("a warm container waits");
  expect(await post(server.url, differentRequest(1))).toMatchObject({ status: 200, success: true });
  await server.logged("a build takes a warm container");
  expect(await server.post(layout("endless_log"))).toMatchObject({ status: 200, success: false });
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);

  // One whose files travel through the daemon asks for the rest.
  const copying = await ServerProcess.create({
    versions: { latest: toolchain },
    environment: { ...environment, KIISRV_TRANSFER: "copy", KIISRV_START_CHECKS: "none" },
  });
  onTestFinished(() => copying.remove());
  await copying.start();
  expect(await copying.post(layout("slow"))).toMatchObject({ status: 200, success: true });

  // The checks go on for a while after the start.
  await vi.waitFor(() => expect(unused()).toEqual([]), { timeout: 20_000 });
  for (const one of [server, copying]) {
    one.signal("SIGTERM");
    expect((await one.ended()).code).toBe(0);
  }
  expect(calls.refused).toEqual([]);
});
