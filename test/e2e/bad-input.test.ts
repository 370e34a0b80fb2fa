import { afterAll, beforeAll, expect, test } from "vitest";
import { badRequests } from "../support/badDocuments.ts";
import { post } from "../support/e2e-client.ts";
import { ContainerWatch } from "../support/e2e-containers.ts";
import { standIn } from "../support/e2e-images.ts";
import { layout, ServerProcess } from "../support/e2e-server.ts";

const toolchain = standIn("toolchain");
let server: ServerProcess;

beforeAll(async () => {
  server = await ServerProcess.create({
    versions: { latest: toolchain },
  });
  await server.start();
});

afterAll(() => server.remove());

test(`${badRequests.length} bad requests: each is refused in JSON, nothing is started, the server lives on`, async () => {
  expect(badRequests.length).toBeGreaterThanOrEqual(40);
  const watch = await ContainerWatch.open();
  for (const { name, body, status, code } of badRequests) {
    const answer = await post(server.url, body());
    expect({ name, ...answer }).toMatchObject({
      name,
      status,
      code,
      type: "application/json; charset=utf-8",
      error: expect.stringMatching(/\S/),
    });
    expect(answer.error, name).not.toMatch(/\n\s+at |\.ts:\d|node:internal|node_modules/);
  }
  expect(await watch.made(server.instance)).toEqual([]);
  expect(await server.post(layout("compiles"))).toMatchObject({ status: 200, success: true });
  expect(await watch.made(server.instance)).toHaveLength(1);
  await server.expectTidy();
});
