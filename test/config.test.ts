import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { describeConfig, readConfig } from "../src/config.ts";
import { temporaryDirectory } from "./support/app.ts";

describe("the configuration", () => {
  it("has defaults", () => {
    expect(readConfig({})).toMatchObject({
      port: 3001,
      data: resolve("data"),
      tmpBuilds: resolve("tmp_builds"),
      artifacts: resolve("tmp_builds"),
      hostTmpConfig: "",
      hostTmpBuilds: "",
      concurrency: cpus().length,
      trustedProxies: 0,
      rawAddresses: false,
      limits: { wallSeconds: 300, memoryBytes: 2 ** 30, outputBytes: 64 * 2 ** 20, logBytes: 16 * 2 ** 20 },
    });
  });

  it.skipIf(process.getuid?.() !== 0)("has builds use all cores, whatever its own container may use", () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "cgroup"), "0::/\n");
    writeFileSync(join(directory, "cgroup.controllers"), "cpu\n");
    writeFileSync(join(directory, "cpu.max"), "100000 100000\n");
    writeFileSync(join(directory, "cpu.weight"), "100\n");
    const show = `
      import os from "node:os";
      import { readConfig } from "./src/config.ts";
      console.log(os.availableParallelism(), readConfig({}).concurrency);
    `;
    // As in a container that has one core of the machine's.
    const within = `mount --bind "$0/cgroup" /proc/$$/cgroup && mount --bind "$0" /sys/fs/cgroup && exec "$@"`;
    const node = [process.execPath, "--input-type=module-typescript", "--eval", show];
    const args = ["--mount", "sh", "-c", within, directory, ...node];
    const cwd = resolve(import.meta.dirname, "..");
    expect(execFileSync("unshare", args, { cwd, encoding: "utf8" })).toBe(`1 ${cpus().length}\n`);
  });

  it("looks for synced layouts with the data, then where a server was shipped with some", () => {
    const { syncedLayouts } = readConfig({ KIISRV_DATA: "/d", KIISRV_LAYOUTS_SEED: "/s" });
    expect(syncedLayouts).toEqual(["/d/layouts", "/s"]);
    expect(readConfig({}).syncedLayouts).toEqual([resolve("data/layouts")]);
  });

  it("reads what is set; empty is as not set", () => {
    const config = readConfig({
      KIISRV_PORT: "0",
      KIISRV_HOST: "",
      KIISRV_CONCURRENCY: "3",
      KIISRV_TMP_BUILDS: "out",
      HOST_TMP_BUILDS: "/host/out",
      KIISRV_RAW_ADDRESSES: "Yes",
      KIISRV_LOG_LEVEL: "warn",
      KIISRV_BUILD_MEMORY_MIB: "16",
    });
    expect(config).toMatchObject({ port: 0, concurrency: 3, rawAddresses: true, logLevel: "warn" });
    expect(config).toMatchObject({ artifacts: resolve("out"), hostTmpBuilds: "/host/out" });
    expect(config.host).toBe(readConfig({}).host);
    expect(config.limits.memoryBytes).toBe(16 * 2 ** 20);
  });

  it.for([
    ["0", 0],
    ["2", 2],
    ["127.0.0.1", ["127.0.0.1"]],
    ["10.0.0.0/8, ::1,fd00::/64", ["10.0.0.0/8", "::1", "fd00::/64"]],
  ] as const)("knows the proxies in front: %s", ([given, trustedProxies]) => {
    expect(readConfig({ KIISRV_TRUSTED_PROXIES: given })).toMatchObject({ trustedProxies });
  });

  it("takes KIISRV_TRUST_PROXY for one proxy, where nothing better is said", () => {
    const proxies = (given: string) =>
      readConfig({ KIISRV_TRUST_PROXY: "true", KIISRV_TRUSTED_PROXIES: given }).trustedProxies;
    expect(proxies("")).toBe(1);
    expect(proxies("2")).toBe(2);
  });

  it.for([
    ["KIISRV_TRUSTED_PROXIES", "10"],
    ["KIISRV_TRUSTED_PROXIES", "-1"],
    ["KIISRV_TRUSTED_PROXIES", "true"],
    ["KIISRV_TRUSTED_PROXIES", "caddy"],
    ["KIISRV_TRUSTED_PROXIES", "10.0.0.0/33"],
    ["KIISRV_TRUSTED_PROXIES", "10.0.0.0/"],
    ["KIISRV_TRUSTED_PROXIES", "::/129"],
    ["KIISRV_TRUSTED_PROXIES", "10.0.0.1,,10.0.0.2"],
    ["KIISRV_PORT", "65536"],
    ["KIISRV_PORT", "-1"],
    ["KIISRV_PORT", "3001x"],
    ["KIISRV_PORT", "1e3"],
    ["KIISRV_PORT", " 80"],
    ["KIISRV_BUILD_CPUS", "0"],
    ["KIISRV_BUILD_CPUS", "0.5"],
    ["KIISRV_TRUST_PROXY", "maybe"],
    ["KIISRV_TRUST_PROXY", "constructor"],
    ["KIISRV_LOG_LEVEL", "loud"],
    ["KIISRV_LOG_LEVEL", "toString"],
  ] as const)("refuses %s=%s", ([variable, text]) => {
    expect(() => readConfig({ [variable]: text })).toThrow(`${variable}=${text}: must be`);
  });

  it("reports all mistakes together", () => {
    const read = () => readConfig({ KIISRV_PORT: "x", KIISRV_RAW_ADDRESSES: "y", KIISRV_BUILD_PIDS: "z" });
    for (const variable of ["KIISRV_PORT=x", "KIISRV_RAW_ADDRESSES=y", "KIISRV_BUILD_PIDS=z"]) {
      expect(read).toThrow(variable);
    }
  });

  describe("a value in a file", () => {
    const file = (text: string) => {
      const path = join(temporaryDirectory(), "value");
      writeFileSync(path, text);
      return path;
    };

    it.for(["3999", "3999\n", "3999\r\n"])("is read, but for a line feed at its end: %j", (text) => {
      expect(readConfig({ KIISRV_PORT_FILE: file(text) }).port).toBe(3999);
    });

    it("may be empty, which is as not set", () => {
      expect(readConfig({ KIISRV_PORT_FILE: file("\n") }).port).toBe(3001);
      expect(readConfig({ KIISRV_PORT_FILE: "", KIISRV_PORT: "3999" }).port).toBe(3999);
    });

    it("is not shown when it is wrong", () => {
      const path = file("hunter2");
      expect(() => readConfig({ KIISRV_PORT_FILE: path })).toThrow(`KIISRV_PORT_FILE=${path}: must be`);
      expect(() => readConfig({ KIISRV_PORT_FILE: path })).not.toThrow("hunter2");
    });

    it("that cannot be read is a mistake", () => {
      const path = "/nonexistent/secret";
      expect(() => readConfig({ KIISRV_PORT_FILE: path })).toThrow(`KIISRV_PORT_FILE=${path}: ENOENT`);
    });

    it("is neither waited for nor read without end", () => {
      const pipe = join(temporaryDirectory(), "pipe");
      execFileSync("mkfifo", [pipe]);
      for (const path of ["/", pipe, "/dev/zero"]) {
        expect(() => readConfig({ KIISRV_PORT_FILE: path })).toThrow(
          `KIISRV_PORT_FILE=${path}: is no regular file`,
        );
      }
      const long = file("3".repeat(4097));
      expect(() => readConfig({ KIISRV_PORT_FILE: long })).toThrow(`${long}: holds more than 4096 bytes`);
    });

    it("and in the environment as well is a mistake that names both", () => {
      const both = { KIISRV_PORT: "3999", KIISRV_PORT_FILE: file("3999") };
      expect(() => readConfig(both)).toThrow("KIISRV_PORT and KIISRV_PORT_FILE: only one of them may be set");
    });
  });

  it("describes every variable in one line", () => {
    const lines = describeConfig().split("\n");
    const variables = lines.map((line) => /^ {2}([A-Z_]+) +\S.*\[.*\]$/.exec(line)?.[1]);
    expect(variables).not.toContain(undefined);
    expect(new Set(variables).size).toBe(lines.length);
    expect(variables).toEqual(expect.arrayContaining(["KIISRV_PORT", "HOST_TMP_CONFIG", "HOST_TMP_BUILDS"]));
  });
});
