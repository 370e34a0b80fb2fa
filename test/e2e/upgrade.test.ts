import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requireImage } from "../support/demo.ts";
import { CarriedHost } from "../support/e2e-bundles.ts";
import { CarriedServer } from "../support/e2e-carried-server.ts";
import { buildServerImage } from "../support/e2e-container-server.ts";
import { SpareDaemon } from "../support/e2e-daemon.ts";
import { canRunDaemon } from "../support/e2e-root.ts";
import { removeImage } from "../support/images.ts";

describe.skipIf(!canRunDaemon)("an upgrade by a bundle, and back (needs root and dockerd)", () => {
  let image: string;
  let host: CarriedHost;
  let daemon: SpareDaemon;
  let server: CarriedServer;
  let document: { header: { Author: string } };

  beforeAll(async () => {
    await requireImage("kiisrv-controller-demo");
    image = await buildServerImage();
    [host, daemon] = await Promise.all([CarriedHost.create(image), SpareDaemon.create()]);
    await daemon.start();
    server = new CarriedServer(daemon.host);
    const layout = new URL("../../layouts/Demo-Standard.json", import.meta.url);
    document = JSON.parse(await readFile(layout, "utf8"));
  });

  // The last is done first; and what there is goes even where the rest did not come to be.
  afterAll(() => removeImage(image));
  afterAll(() => host.remove());
  afterAll(() => daemon.remove());
  afterAll(() => server.stop());

  /** Saves what the host has now; uncompressed, for that is not what is tried here. */
  const save = (name: string, ...more: string[]) =>
    host.saveBundle(name, "--server", host.server, "--version", "demo", "--no-proxy", ...more);

  async function load(bundle: string): Promise<void> {
    const { code, errors } = await host.kiisrv(["load", bundle, "--into", host.path("srv")], {
      DOCKER_HOST: daemon.host,
    });
    expect([code, errors]).toEqual([0, expect.any(String)]);
    await server.start();
  }

  test("loses no build and builds nothing twice", async () => {
    const old = await save("old.tar");
    const oldImage = await host.imageId(host.server);
    await host.update();
    const upgrade = await save("new.tar", "--since", old);

    await load(old);
    expect(await server.image()).toBe(oldImage);
    const first = await server.build(document);
    expect(first.firmware.length).toBeGreaterThan(1000);

    await load(upgrade);
    expect(await server.image()).toBe(await host.imageId(host.server));
    expect(await server.get(first.path)).toEqual(first.firmware);
    expect(await server.build(document)).toEqual(first);
    const other = { ...document, header: { ...document.header, Author: "the new release" } };
    const second = await server.build(other);

    await load(old);
    expect(await server.image()).toBe(oldImage);
    for (const [layout, build] of [
      [document, first],
      [other, second],
    ] as const) {
      expect(await server.get(build.path)).toEqual(build.firmware);
      expect(await server.build(layout)).toEqual(build);
    }
    expect(String(await server.get("/stats"))).toContain("Builds: 5 (2 unique)");
  });
});
