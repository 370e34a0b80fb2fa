import { expect, test } from "vitest";
import { type ContainerEvent, ContainerWatch, containersOf } from "../support/e2e-containers.ts";
import { standIn } from "../support/e2e-images.ts";
import { layout, type ServerProcess, serverForTest } from "../support/e2e-server.ts";

const toolchain = standIn("toolchain");
const versions = { latest: toolchain };

test("kill -9 in mid-build: the container goes with the restart, and the build is done again", async () => {
  const watch = await ContainerWatch.open();
  const server = await serverForTest({ versions });
  const lost = expect(server.post(layout("gated"))).rejects.toThrow();
  const { container } = await watch.next(server.instance, "start");

  server.signal("SIGKILL");
  expect(await server.ended()).toEqual({ code: null, signal: "SIGKILL" });
  await lost;
  expect(await containersOf(server.instance)).toHaveLength(1);
  const before = watch.events.length;
  await server.start();

  await watch.until((events) => events.find((event) => isEnd(event, container)));
  const again = await watch.next(server.instance, "start", before);
  await server.openGate(again.build);
  await server.logged("build ends");
  await expectKept(server, watch, 2);
});

/** Each point at which a build's container changes is one where the server may die. */
test.each(["create", "start", "die", "destroy"] as const)(
  "kill -9 when the daemon reports %s: the next request has its firmware",
  async (action) => {
    const watch = await ContainerWatch.open();
    const server = await serverForTest({ versions });
    // Lost or answered, as the moment has it.
    const first = Promise.allSettled([server.post(layout("compiles"))]);
    await watch.next(server.instance, action);
    await server.killAndRestart();
    await first;

    const answer = await server.post(layout("compiles"));
    expect(answer).toMatchObject({ status: 200, success: true });
    expect(String((await server.download(answer)).get("kiibohd.dfu.bin"))).toContain("Layout");
    const { length } = await watch.made(server.instance);
    expect(length).toBeLessThanOrEqual(2);
    await expectKept(server, watch, length, "compiles");
  },
);

function isEnd(event: ContainerEvent, container: string): boolean {
  return event.action === "destroy" && event.container === container;
}

/** The build is answered from the cache: still only `containers` were ever made. */
async function expectKept(
  server: ServerProcess,
  watch: ContainerWatch,
  containers: number,
  variant = "gated",
): Promise<void> {
  const answer = await server.post(layout(variant));
  expect(answer).toMatchObject({ status: 200, success: true });
  expect(await watch.made(server.instance)).toHaveLength(containers);
  expect(await server.artifacts()).toEqual([answer.filename.replace("./tmp/", "")]);
}
