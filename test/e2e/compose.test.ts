import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setDefaultCACertificates } from "node:tls";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { type ClientBuild, postLayout } from "../support/client.ts";
import { requireImage } from "../support/demo.ts";
import { fileOf } from "../support/e2e-client.ts";
import { buildServerImage } from "../support/e2e-container-server.ts";
import { containersOf } from "../support/e2e-containers.ts";
import { composeCommands, Stack } from "../support/e2e-stack.ts";
import { removeImage } from "../support/images.ts";

const commands = composeCommands();
const possible = commands.length > 0 && process.getuid?.() === 0;

describe.skipIf(!possible)("a stack (needs root and Compose)", () => {
  let image: string;
  let layout: unknown;

  beforeAll(async () => {
    await Promise.all([requireImage("kiisrv-controller-demo"), requireImage("kiisrv-proxy")]);
    layout = JSON.parse(await readFile(new URL("../../layouts/Demo-Standard.json", import.meta.url), "utf8"));
    image = await buildServerImage();
  });

  afterAll(() => removeImage(image));

  describe.each(commands.map((command) => [command.join(" "), command] as const))(
    "for good, with %s",
    (_, command) => {
      let stack: Stack;
      let first: ClientBuild;
      let instance: string;

      beforeAll(async () => {
        stack = await Stack.create(command, image, "compose.prod.yaml");
      });

      afterAll(() => stack.remove());

      test("starts from its file alone, and builds for clients of IPv4 and IPv6", async () => {
        await stack.compose("", "up", "-d");
        await ready(`http://127.0.0.1:${stack.ports.plain}`);
        first = await postLayout(`http://127.0.0.1:${stack.ports.plain}`, layout, "latest");
        expect(fileOf(first.zip, "kiibohd.dfu.bin").length).toBeGreaterThan(1000);
        expect(await postLayout(`http://[::1]:${stack.ports.plain}`, layout, "latest")).toEqual(first);
        expect(await stack.files()).toEqual(["compose.prod.yaml"]);
        instance = /"instance":"([^"]+)"/.exec(await stack.compose("", "logs", "--no-color"))?.[1] ?? "";
        expect(instance).not.toBe("");
      });

      test("answers HTTPS once the proxy is there, which alone can be reached", async () => {
        await stack.compose("proxy", "up", "-d");
        const url = `https://localhost:${stack.ports.https}`;
        await eventually(() =>
          expect(fetch(`${url}/healthz`)).rejects.toMatchObject({
            cause: { code: expect.stringMatching(/SELF_SIGNED|UNABLE_TO/) },
          }),
        );
        setDefaultCACertificates([await certificateAuthority(stack)]);
        await ready(url);
        expect(await postLayout(url, layout, "latest")).toEqual(first);
        expect((await stack.inspect("kiisrv")).NetworkSettings.Ports).toEqual({});
        await expect(fetch(`http://127.0.0.1:${stack.ports.plain}/healthz`)).rejects.toThrow();
        const plain = await fetch(`http://127.0.0.1:${stack.ports.http}/x`, {
          headers: { Host: "localhost" },
          redirect: "manual",
        });
        expect(plain.status).toBe(308);
      });

      test("gives its containers nothing they do not need", async () => {
        for (const service of ["kiisrv", "proxy"]) {
          const { HostConfig, State } = await stack.inspect(service);
          expect(HostConfig).toMatchObject({
            ReadonlyRootfs: true,
            CapDrop: ["ALL"],
            SecurityOpt: ["no-new-privileges:true"],
            RestartPolicy: { Name: "unless-stopped" },
            LogConfig: { Config: { "max-size": "10m", "max-file": "5" } },
            PidsLimit: 256,
            Privileged: false,
          });
          expect(HostConfig.Memory).toBeGreaterThan(0);
          expect(HostConfig.NanoCpus).toBeGreaterThan(0);
          expect(State.Health).toBeDefined();
        }
      });

      test("takes a client's address from the proxy, and from no client", async () => {
        const before = await stack.clients();
        const response = await fetch(`https://localhost:${stack.ports.https}/download.php`, {
          method: "POST",
          headers: { "Content-Type": "application/json", "X-Forwarded-For": "192.0.2.99" },
          body: JSON.stringify({ config: layout, env: "latest" }),
        });
        expect(response.status).toBe(200);
        const { Networks } = (await stack.inspect("proxy")).NetworkSettings;
        const own = Object.values(Networks).flatMap((one) => [one.IPAddress, one.GlobalIPv6Address]);
        const clients = await stack.clients();
        expect(clients).toEqual(before);
        expect(clients.filter((address) => [...own, "192.0.2.99"].includes(address))).toEqual([]);
      });

      test("answers a body that is too large as the server does", async () => {
        for (const size of [10 * 2 ** 20 + 1, 12 * 2 ** 20]) {
          const response = await fetch(`https://localhost:${stack.ports.https}/`, {
            method: "POST",
            body: new Uint8Array(size).fill(0x20),
          });
          expect(response.status).toBe(413);
          expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
          expect(await response.json()).toMatchObject({ code: "body-too-large", error: expect.any(String) });
        }
      });

      test("has its cache and its statistics when all of it was taken down and started again", async () => {
        const url = `https://localhost:${stack.ports.https}`;
        const authority = await certificateAuthority(stack);
        const before = await builds(url);
        await stack.compose("proxy", "down");
        expect(await containersOf(instance)).toEqual([]);
        await stack.compose("proxy", "up", "-d");
        await ready(url);
        expect(await builds(url)).toEqual(before);
        expect(await certificateAuthority(stack)).toBe(authority);
        expect(await postLayout(url, layout, "latest")).toEqual(first);
        expect(await stack.compose("proxy", "logs", "--no-color", "kiisrv")).not.toContain("build starts");
      });

      test("leaves nothing behind", async () => {
        expect(await stack.takeDown()).toEqual([]);
        expect(await containersOf(instance)).toEqual([]);
        expect(await stack.files()).toEqual(["compose.prod.yaml"]);
      });
    },
  );

  test("for developers takes a changed source up, and has a new database at each start", async () => {
    const stack = await Stack.create(commands[0] ?? [], image, "compose.yaml", "src", "schema", "layouts");
    onTestFinished(() => stack.remove());
    await stack.compose("", "up", "-d", "--no-build");
    const url = `http://127.0.0.1:${stack.ports.plain}`;
    await ready(url);
    const build = await postLayout(url, layout, "latest");
    expect(await builds(url)).toMatch(/^Builds: 1 /);
    const health = join(stack.directory, "src/http/routes/health.ts");
    const text = await readFile(health, "utf8");
    expect(text).toContain('"alive"');
    await writeFile(health, text.replace('"alive"', '"changed"'));
    await eventually(async () =>
      expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: "changed" }),
    );
    expect(await builds(url)).toMatch(/^Builds: 1 /);
    await stack.compose("", "restart");
    await ready(url);
    expect(await builds(url)).toMatch(/^Builds: 0 /);
    expect(await postLayout(url, layout, "latest")).toEqual(build);
  });
});

async function ready(url: string): Promise<void> {
  await eventually(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200));
}

async function eventually(expectation: () => Promise<unknown>): Promise<void> {
  await vi.waitFor(expectation, { timeout: 60_000, interval: 250 });
}

function certificateAuthority(stack: Stack): Promise<string> {
  const path = "/data/caddy/pki/authorities/local/root.crt";
  return stack.compose("proxy", "exec", "-T", "proxy", "cat", path);
}

async function builds(url: string): Promise<string> {
  return (await fetch(`${url}/stats`, { headers: { Accept: "text/plain" } })).text();
}
