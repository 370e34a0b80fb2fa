import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createSocketServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { type Config, readConfig } from "../src/config.ts";
import { type RunningServer, start } from "../src/serve.ts";
import { demoRequest, eventually, repositoryLayouts, temporaryDirectory } from "./support/app.ts";

// A busy machine may take its time.
vi.setConfig({ testTimeout: 30_000 });

const silent = pino({ level: "silent" });

beforeEach(() => {
  vi.stubEnv("DOCKER_HOST", `unix://${join(temporaryDirectory(), "no-daemon.sock")}`);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

function configure(directory: string, more: Record<string, string> = {}): Config {
  return readConfig({
    KIISRV_START_CHECKS: "none",
    KIISRV_PORT: "0",
    KIISRV_DATA: join(directory, "data"),
    KIISRV_TMP_CONFIG: join(directory, "tmp_config"),
    KIISRV_TMP_BUILDS: join(directory, "tmp_builds"),
    KIISRV_LAYOUTS: repositoryLayouts,
    KIISRV_GRACE_SECONDS: "1",
    ...more,
  });
}

/** A server that ends with the test, unless the test ends it. */
async function started(config: Config): Promise<RunningServer & { url: string }> {
  const server = await start(config, silent);
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= server.stop();
    return stopped;
  };
  onTestFinished(stop);
  return { port: server.port, stop, url: `http://127.0.0.1:${server.port}` };
}

describe("a server whose daemon is away", () => {
  test("makes its directories and serves what needs no daemon", async () => {
    const directory = temporaryDirectory();
    const { url } = await started(configure(directory));
    expect(readdirSync(directory).sort()).toEqual(["data", "tmp_builds", "tmp_config"]);
    const layout = await fetch(`${url}/layouts/Demo-Standard.json`);
    expect(await layout.json()).toMatchObject({ header: { Name: "Demo" } });
    expect(await (await fetch(`${url}/stats`)).text()).toMatch(/^Builds: 0 \(0 unique\)\n/);
    expect(await (await fetch(`${url}/versions`)).json()).toEqual({});
    expect(await (await fetch(`${url}/healthz`)).json()).toEqual({ status: "alive" });
  });

  test("says what is missing", async () => {
    const { url } = await started(configure(temporaryDirectory()));
    const ready = await fetch(`${url}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({
      checks: {
        database: "ok",
        daemon: expect.stringMatching(/daemon cannot be reached/),
        images: expect.stringMatching(/no image/),
      },
    });
    const build = await fetch(url, { method: "POST", body: new Uint8Array(demoRequest()) });
    expect(build.status).toBe(503);
    expect(build.headers.get("Retry-After")).toMatch(/^\d+$/);
    expect(await build.json()).toMatchObject({ code: "runner-unavailable" });
  });
});

describe("a start", () => {
  test("on a data directory in use fails, and leaves that server alone", async () => {
    const directory = temporaryDirectory();
    const { url } = await started(configure(directory));
    await expect(start(configure(directory), silent)).rejects.toThrow(/another kiisrv uses .*data; stop it/);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test("on a port in use fails, and lets go of its data directory", async () => {
    const other = createServer();
    other.listen(0);
    await once(other, "listening");
    onTestFinished(() => {
      other.close();
    });
    const { port } = other.address() as AddressInfo;
    const directory = temporaryDirectory();
    const refused = start(configure(directory, { KIISRV_PORT: String(port) }), silent);
    await expect(refused).rejects.toThrow(
      new RegExp(`cannot listen on any address, port ${port}: .*EADDRINUSE`),
    );
    const { url } = await started(configure(directory));
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });

  test("on a database that is none fails, names it, and leaves it as it is", async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, "data"));
    writeFileSync(join(directory, "data", "stats.db"), "no database at all, only text".repeat(100));
    await expect(start(configure(directory), silent)).rejects.toThrow(/stats\.db is not an SQLite database/);
    await expect(start(configure(directory), silent)).rejects.toThrow(/stats\.db is not an SQLite database/);
  });

  test("on a directory that is a file fails and names it", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "tmp_builds"), "");
    await expect(start(configure(directory), silent)).rejects.toThrow(/tmp_builds/);
  });

  test("removes half a zip that a killed server left", async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, "tmp_builds"));
    const half = join(directory, "tmp_builds", ".tmp-half");
    writeFileSync(half, "PK");
    await started(configure(directory));
    expect(existsSync(half)).toBe(false);
  });
});

describe("by default a server listens", () => {
  const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
    list?.some(({ family }) => family === "IPv6"),
  );

  test("on IPv4", async () => {
    const { port } = await started(configure(temporaryDirectory()));
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
  });

  test.runIf(hasIPv6)("on IPv6", async () => {
    const { port } = await started(configure(temporaryDirectory()));
    expect((await fetch(`http://[::1]:${port}/healthz`)).status).toBe(200);
  });

  test("on one address alone where that is configured", async () => {
    const { port } = await started(configure(temporaryDirectory(), { KIISRV_HOST: "127.0.0.1" }));
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
    await expect(fetch(`http://[::1]:${port}/healthz`)).rejects.toThrow();
  });
});

describe("a stop", () => {
  test("closes the port, ends idle connections and lets go of everything", async () => {
    const directory = temporaryDirectory();
    const { url, stop } = await started(configure(directory));
    expect((await fetch(`${url}/healthz`, { headers: { Connection: "keep-alive" } })).status).toBe(200);
    await stop();
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
    expect(readdirSync(join(directory, "data")).filter((name) => /-(wal|shm)$/.test(name))).toEqual([]);
    const again = await started(configure(directory));
    expect((await fetch(`${again.url}/healthz`)).status).toBe(200);
  });

  test("lets an answer that is due get out", async () => {
    // A daemon that takes connections and says nothing until it hangs up.
    const socket = join(temporaryDirectory(), "daemon.sock");
    const connections: Socket[] = [];
    const daemon = createSocketServer((connection) => connections.push(connection));
    daemon.listen(socket);
    await once(daemon, "listening");
    onTestFinished(() => {
      daemon.close();
    });
    vi.stubEnv("DOCKER_HOST", `unix://${socket}`);
    const { url, stop } = await started(configure(temporaryDirectory()));
    // They ask for what a former life left, and for changes among the images.
    await eventually(() => connections.length === 2);
    const answer = fetch(`${url}/versions`);
    await eventually(() => connections.length === 3);
    const stopped = stop();
    for (const connection of connections) connection.destroy();
    expect((await answer).status).toBe(200);
    await stopped;
  });
});
