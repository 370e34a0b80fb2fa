import { readFile } from "node:fs/promises";
import Docker from "dockerode";
import { afterAll, beforeAll, expect, test } from "vitest";
import { postLayout } from "../support/client.ts";
import { requireImage } from "../support/demo.ts";
import { demoDocument } from "../support/documents.ts";
import { fileOf, textOf } from "../support/e2e-client.ts";
import { buildServerImage, ContainerServer } from "../support/e2e-container-server.ts";
import { standIn } from "../support/e2e-images.ts";
import { removeImage } from "../support/images.ts";

const field = standIn("field");
let image: string;
let server: ContainerServer;

beforeAll(async () => {
  await requireImage("kiisrv-controller-demo");
  image = await buildServerImage();
  server = await ContainerServer.create(image, field);
  await server.start();
});

// The last is done first; and the image goes even where no server came to be.
afterAll(() => removeImage(image));
afterAll(() => server.remove());

test("a client of the field builds firmware with the server in its container", async () => {
  const text = await readFile(new URL("../../layouts/Demo-Standard.json", import.meta.url), "utf8");
  const document: unknown = JSON.parse(text);
  const build = await postLayout(server.url, document, "latest");
  expect(build).toMatchObject({ board: "Demo", layout: "Standard", error: false });
  expect(fileOf(build.zip, "kiibohd.dfu.bin").length).toBeGreaterThan(1000);
  expect(textOf(build.zip, "Demo-Standard.json")).toBe(JSON.stringify(document));
  expect(textOf(build.zip, "log/build.log")).toContain("compile: keymap.c");
  expect(await postLayout(server.url, document, "latest")).toEqual(build);
  await server.expectTidy(true);
});

test("an image of the field works as root, and a server that is no root clears up after it", async () => {
  const document = demoDocument();
  document.header.Name = "MD1.1";
  const build = await postLayout(server.url, document, "latest");
  expect(build).toMatchObject({ board: "MD1.1", layout: "Tiny", error: false });
  expect(textOf(build.zip, "log/build.log")).toContain("built as root");
  await server.expectTidy(true);
});

test("kiisrv doctor is on its PATH, sees what the server's user sees, and proves paths and sandbox", async () => {
  const checks = await server.doctor();
  const found = (id: string) => checks.find((check) => check.id === id)?.found;
  expect(checks.filter(({ status }) => status === "fail")).toEqual([]);
  const proved = checks.filter(({ group }) => group === "paths" || group === "sandbox");
  expect(new Set(proved.map(({ status }) => status))).toEqual(new Set(["ok"]));
  expect(found("daemon.permission")).toMatch(/^node \(uid 1000, /);
  expect(found("network.port")).toContain("a kiisrv answers");
  await server.expectTidy(true);
});

test("its process is nobody special", async () => {
  const status = await server.processStatus();
  expect(status.get("Uid")).toBe("1000 1000 1000 1000");
  expect(status.get("CapEff")).toBe("0000000000000000");
  expect(status.get("NoNewPrivs")).toBe("1");
});

test("the image adds at most 120 MB to its base", async () => {
  const docker = new Docker();
  const [own, base] = await Promise.all(
    [image, "node:24-bookworm-slim"].map((name) => docker.getImage(name).inspect()),
  );
  expect((own?.Size ?? 0) - (base?.Size ?? 0)).toBeGreaterThan(0);
  expect((own?.Size ?? 0) - (base?.Size ?? 0)).toBeLessThanOrEqual(120 * 1000 * 1000);
});

test("its HEALTHCHECK finds it healthy, and docker stop ends it with status 0, nothing left behind", async () => {
  const health = async () => (await server.inspect()).State.Health?.Status;
  await expect.poll(health, { timeout: 60_000, interval: 250 }).toBe("healthy");
  expect(await server.stop()).toBe(0);
  await server.expectTidy();
});
