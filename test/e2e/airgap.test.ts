import { randomUUID } from "node:crypto";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Examined } from "../../src/doctor/examine.ts";
import { networkOf } from "../../src/http/addresses.ts";
import { type ClientBuild, postLayout } from "../support/client.ts";
import { requireImage } from "../support/demo.ts";
import { AirgappedHost, ask, canRunAirgapped } from "../support/e2e-airgap.ts";
import { CarriedHost } from "../support/e2e-bundles.ts";
import { fileOf } from "../support/e2e-client.ts";
import { buildServerImage } from "../support/e2e-container-server.ts";
import { removeImage } from "../support/images.ts";

/** What an operator may expect from bundle on disk to first firmware, milliseconds. */
const threeMinutes = 180_000;

/** Known to the hosts files of its clients alone. */
const site = "kiisrv.example";

/** A client's second build is one too many. */
const settings = { KIISRV_RAW_ADDRESSES: "true", KIISRV_RATE_BUILDS: "1" };

describe.skipIf(!canRunAirgapped)("a host of IPv6 alone (needs root, dockerd, ip6tables, Compose)", () => {
  let image: string;
  let workshop: CarriedHost;
  let host: AirgappedHost;
  let document: { header: { Author: string } };
  let plain: string;
  let secure: string;
  let first: ClientBuild;

  beforeAll(async () => {
    await Promise.all([requireImage("kiisrv-controller-demo"), requireImage("kiisrv-proxy")]);
    image = await buildServerImage();
    [workshop, host] = await Promise.all([CarriedHost.create(image), AirgappedHost.create()]);
    const [{ host: address }] = host.links;
    [plain, secure] = [`http://[${address}]:3001`, `https://[${address}]`];
    const layout = new URL("../../layouts/Demo-Standard.json", import.meta.url);
    document = JSON.parse(await readFile(layout, "utf8"));
    const bundle = await workshop.saveBundle("kiisrv.tar", "--server", image, "--version", "demo");
    await copyFile(bundle, join(host.directory, "kiisrv.tar"));
  });

  // The last is done first; and what there is goes even where the rest did not come to be.
  afterAll(() => removeImage(image));
  afterAll(() => workshop.remove());
  afterAll(() => host.remove());

  async function ready(base: string): Promise<void> {
    const answer = async () => expect((await fetch(`${base}/readyz`)).status).toBe(200);
    await vi.waitFor(answer, { timeout: 60_000, interval: 200 });
  }

  /** Has each of our addresses ask for a build of its own; returns the statuses of the answers. */
  async function buildForEach(base: string): Promise<number[]> {
    const statuses: number[] = [];
    for (const { client, neighbour, host: at } of host.links) {
      for (const from of [client, neighbour]) {
        const config = { ...document, header: { ...document.header, Author: randomUUID() } };
        statuses.push(await ask(`${base}/`, from, at, { config, env: "latest" }));
      }
    }
    return statuses;
  }

  /** How many builds the containers that are there have begun. */
  async function buildsBegun(): Promise<number> {
    return (await host.compose("logs --no-color")).split('"msg":"build starts"').length - 1;
  }

  /** The networks that requests came from, the server says. */
  async function networksSeen(): Promise<Set<string>> {
    return new Set((await host.clients()).map(networkOf));
  }

  test("reaches nobody, and knows it at once", async () => {
    expect(await host.sh("ip -brief -4 address")).toBe("");
    expect(await host.sh("ip route; ip -6 route show default")).toBe("");
    await host.configure(settings);
    await host.daemon.start();
    await expect(host.sh("docker pull debian:bookworm-slim")).rejects.toThrow(/network is unreachable/);
  });

  test(
    "gives firmware to a client of IPv6, two commands after the bundle arrived",
    async () => {
      await host.sh("tar -xOf kiisrv.tar load.sh | sh -s kiisrv.tar");
      await host.compose("up -d");
      await ready(plain);
      first = await postLayout(plain, document, "latest");
      expect(fileOf(first.zip, "kiibohd.dfu.bin").length).toBeGreaterThan(1000);
    },
    threeMinutes,
  );

  test("tells its clients apart by their networks", async () => {
    // The first network had its one build in the test before.
    expect(await buildForEach(plain)).toEqual([429, 429, 200, 429]);
    expect(await networksSeen()).toEqual(new Set(host.links.map(({ client }) => networkOf(client))));
  });

  // Before anything is stopped: what clients still send to a container that is gone is counted as well.
  test("has tried to reach nobody", async () => {
    expect(await host.strayPackets()).toBe(0);
    // Such a packet would have been counted.
    for (const address of ["192.0.2.1", "2001:db8::1"]) {
      const before = await host.strayPackets();
      await expect(
        host.compose(`exec -T kiisrv bash -c 'exec 3<>/dev/tcp/${address}/443'`),
      ).rejects.toThrow();
      expect(await host.strayPackets()).toBeGreaterThan(before);
    }
  });

  test("answers HTTPS at its address and by a name of its own, and tells clients apart there, too", async () => {
    const { host: address } = host.links[0];
    await host.configure({
      ...settings,
      COMPOSE_PROFILES: "proxy",
      KIISRV_SITE: `[${address}], ${site}`,
      KIISRV_DEFAULT_SITE: address,
      KIISRV_TLS: "internal",
    });
    await host.compose("up -d");
    const authority = "/data/caddy/pki/authorities/local/root.crt";
    setDefaultCACertificates([await host.compose(`exec -T proxy cat ${authority}`)]);
    await ready(secure);
    expect(await postLayout(secure, document, "latest")).toEqual(first);
    const before = await networksSeen();
    expect(await buildForEach(`https://${site}`)).toEqual([200, 429, 200, 429]);
    expect(await networksSeen()).toEqual(before);
  });

  test("finds nothing wrong with itself", async () => {
    const strays = await host.strayPackets();
    const report = await host.compose("exec -T kiisrv kiisrv doctor --json");
    expect(await host.strayPackets()).toBe(strays);
    const { checks } = JSON.parse(report) as { checks: Examined[] };
    expect(checks.find(({ id }) => id === "network.clients")).toMatchObject({ status: "ok" });
    expect(checks.filter(({ status }) => status === "fail")).toEqual([]);
  });

  test("is there again after a reboot, with what it had", async () => {
    const begun = await buildsBegun();
    expect(begun).toBeGreaterThan(0);
    await host.daemon.stop();
    await host.daemon.start();
    await ready(secure);
    expect(await postLayout(secure, document, "latest")).toEqual(first);
    expect(await buildsBegun()).toBe(begun);
  });

  test("has everything from a backup when its data is gone", async () => {
    await host.compose("exec -T kiisrv kiisrv backup - --artifacts > backup.tar.gz");
    await host.compose("down --volumes");
    // Without the proxy from now on.
    await host.configure(settings);
    await host.compose("run --rm -T kiisrv kiisrv restore - < backup.tar.gz");
    await host.compose("up -d");
    await ready(plain);
    expect(await postLayout(plain, document, "latest")).toEqual(first);
    expect(await buildsBegun()).toBe(0);
  });
});
