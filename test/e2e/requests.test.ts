import { describe, expect, test } from "vitest";
import { ContainerWatch, mostAtOnce } from "../support/e2e-containers.ts";
import { standIn } from "../support/e2e-images.ts";
import { layout, serverForTest } from "../support/e2e-server.ts";

const toolchain = standIn("toolchain");
const versions = { latest: toolchain };

describe("many requests at once", () => {
  test("fifty equal ones share one container and one answer", async () => {
    const watch = await ContainerWatch.open();
    const server = await serverForTest({ versions });

    const asked = Array.from({ length: 50 }, () => server.post(layout("gated")));
    const { build } = await watch.next(server.instance, "start");
    await server.openGate(build);
    const answers = await Promise.all(asked);

    expect(answers[0]).toMatchObject({ status: 200, success: true });
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await watch.made(server.instance)).toHaveLength(1);
    expect(await server.artifacts()).toHaveLength(1);
  });

  test("thirty different ones are all answered, two containers at a time", async () => {
    const watch = await ContainerWatch.open();
    const server = await serverForTest({ versions, environment: { KIISRV_CONCURRENCY: "2" } });

    const names = Array.from({ length: 30 }, (_, index) => `Layout${index}`);
    const answers = await Promise.all(names.map((name) => server.post(layout("compiles", name))));

    for (const answer of answers) expect(answer).toMatchObject({ status: 200, success: true });
    expect(new Set(answers.map(({ filename }) => filename)).size).toBe(30);
    const events = await watch.of(server.instance);
    expect(events.filter(({ action }) => action === "create")).toHaveLength(30);
    expect(mostAtOnce(events)).toBe(2);
    const files = await Promise.all(answers.map((answer) => server.download(answer)));
    const firmware = files.map((entries) => String(entries.get("kiibohd.dfu.bin")));
    names.forEach((name, index) => {
      expect(firmware[index]).toContain(`Layout = "${name}"`);
    });
  });
});

test("a build that takes too long is answered with its log, and not kept", async () => {
  const watch = await ContainerWatch.open();
  const server = await serverForTest({ versions, environment: { KIISRV_BUILD_SECONDS: "2" } });

  const first = await server.post(layout("sleeps"));
  expect(first).toMatchObject({ status: 200, success: false });
  expect(first.filename).toMatch(/_error\.zip$/);
  const log = String((await server.download(first)).get("log/build.log"));
  expect(log).toContain("asleep");
  expect(log).toContain("longer than 2 s");

  const second = await server.post(layout("sleeps"));
  expect(second).toMatchObject({ status: 200, success: false });
  expect(await watch.made(server.instance)).toHaveLength(2);
  // Clients keep what they fetched under a name for good, and the next run may end in another way.
  expect(second.filename).not.toBe(first.filename);
});
