import { expect, test } from "vitest";
import { ContainerWatch, containersOf } from "../support/e2e-containers.ts";
import { standIn } from "../support/e2e-images.ts";
import { layout, serverForTest } from "../support/e2e-server.ts";

const toolchain = standIn("toolchain");

test("two servers on one daemon leave each other's containers alone", async () => {
  const watch = await ContainerWatch.open();
  const first = await serverForTest({ versions: { latest: toolchain } });
  const second = await serverForTest({ versions: { latest: toolchain } });
  expect(second.instance).not.toBe(first.instance);

  const asked = first.post(layout("gated"));
  const { build, container } = await watch.next(first.instance, "start");
  const lost = expect(second.post(layout("gated"))).rejects.toThrow();
  const own = await watch.next(second.instance, "start");
  const before = watch.events.length;
  await second.killAndRestart();
  await lost;

  await watch.until((events) =>
    events.find((event) => event.action === "destroy" && event.container === own.container),
  );
  const again = await watch.next(second.instance, "start", before);
  expect(await containersOf(first.instance)).toHaveLength(1);
  await first.openGate(build);
  expect(await asked).toMatchObject({ status: 200, success: true });
  const made = await watch.made(first.instance);
  expect(made).toEqual([container]);

  await second.openGate(again.build);
  await second.logged("build ends");
});
