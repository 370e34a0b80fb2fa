import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import type Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { connectDaemon } from "../../src/runner/connect.ts";
import { createDockerRunner } from "../../src/runner/docker.ts";
import { temporaryDirectory } from "../support/app.ts";
import { daemonAddress } from "../support/daemon-proxy.ts";
import { buildImage, removeImage } from "../support/images.ts";
import { testSpec, texts } from "../support/runner.ts";
import { WarmWatch } from "../support/warm.ts";
import { label, run, succeeded } from "../support/warmPlaces.ts";

const image = { name: `kiisrv-controller-remote-${randomUUID()}`, digest: "" };
const sshd = "/usr/sbin/sshd";

beforeAll(async () => {
  image.digest = await buildImage(image.name, "hostile", ...label);
});
afterAll(() => removeImage(image.name));

/** Two builds, the second in a container that waited, on a daemon that sees none of our directories. */
async function expectBuilds(dockerHost: string): Promise<void> {
  const { docker, copies } = connectDaemon({ dockerHost, transfer: "auto" });
  expect(copies).toBe(true);
  const watch = new WarmWatch();
  const runner = createDockerRunner({
    ...whereabouts(docker),
    copies,
    warm: { size: 1, idleMilliseconds: 3_600_000 },
    logger: watch,
  });
  onTestFinished(() => runner.close());
  const spec = testSpec(image, ["well"]);
  const cold = await run(runner, spec);
  expect(cold).toMatchObject(succeeded);
  expect(texts(cold.outputs)["log/build.log"]).toBe('U"A" : U"B";\n{"header":{}}\n');
  await watch.waits();
  expect(texts((await run(runner, spec)).outputs)).toEqual(texts(cold.outputs));
  expect(watch.taken).toHaveLength(1);
}

function whereabouts(docker: Docker) {
  const nowhere = join(temporaryDirectory(), "nowhere");
  return {
    docker,
    directories: { tmpConfig: nowhere, tmpBuilds: nowhere },
    instance: `test-${randomUUID()}`,
  };
}

/** For the time of a test. */
function setVariables(variables: Record<string, string>): void {
  for (const [name, value] of Object.entries(variables)) {
    const before = process.env[name];
    process.env[name] = value;
    onTestFinished(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  }
}

/** Before any test says where it is. */
const address = daemonAddress();

function toDaemon() {
  return "path" in address ? connect(address.path) : connect(address.port, address.host);
}

function openssl(directory: string, ...args: string[]): void {
  execFileSync("openssl", args, { cwd: directory, stdio: "ignore" });
}

/** An authority and what it vouches for, as `docker` expects them in DOCKER_CERT_PATH. */
function certificates(): string {
  const directory = temporaryDirectory();
  const subject = (name: string) => ["-nodes", "-newkey", "rsa:2048", "-subj", `/CN=${name}`];
  openssl(directory, "req", "-x509", ...subject("authority"), "-keyout", "ca-key.pem", "-out", "ca.pem");
  writeFileSync(join(directory, "names"), "subjectAltName=DNS:localhost");
  for (const name of ["server", "client"]) {
    openssl(directory, "req", ...subject(name), "-keyout", `${name}-key.pem`, "-out", `${name}.csr`);
    const signer = ["-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-extfile", "names"];
    openssl(directory, "x509", "-req", "-in", `${name}.csr`, ...signer, "-out", `${name}.pem`);
  }
  for (const [from, to] of [
    ["client.pem", "cert.pem"],
    ["client-key.pem", "key.pem"],
  ] as const) {
    writeFileSync(join(directory, to), readFileSync(join(directory, from)));
  }
  return directory;
}

describe("a daemon that is reached by", () => {
  test("TLS, both sides known to each other", async () => {
    const directory = certificates();
    const pem = (name: string) => readFileSync(join(directory, `${name}.pem`));
    const options = { key: pem("server-key"), cert: pem("server"), ca: pem("ca"), requestCert: true };
    const server = createTlsServer(options, (socket) => {
      const daemon = toDaemon();
      socket.on("error", () => daemon.destroy());
      daemon.on("error", () => socket.destroy());
      socket.pipe(daemon).pipe(socket);
    }).listen(0, "localhost");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const dockerHost = `tcp://localhost:${(server.address() as AddressInfo).port}`;
    setVariables({ DOCKER_HOST: dockerHost, DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: directory });
    await expectBuilds(dockerHost);
  });

  describe.skipIf(!existsSync(sshd))("ssh (needs sshd)", () => {
    test("as OpenSSH's own client does it", async () => {
      const { port } = await startSshd();
      await expectBuilds(`ssh://root@localhost:${port}`);
    });

    test("nobody whose key is not known", async () => {
      const { port, directory } = await startSshd();
      writeFileSync(join(directory, "known"), "");
      const { docker } = connectDaemon({ dockerHost: `ssh://root@localhost:${port}`, transfer: "auto" });
      const runner = createDockerRunner({ ...whereabouts(docker), copies: true });
      const refusal = await runner.images().then(
        () => undefined,
        (error: Error) => error,
      );
      expect(refusal).toMatchObject({ code: "runner-unavailable" });
      expect(String(refusal?.cause)).toContain("Host key verification failed");
    });
  });
});

/** A server for this test alone, and a client that knows it: the real ones, with files of their own. */
async function startSshd(): Promise<{ port: number; directory: string }> {
  const directory = temporaryDirectory();
  const at = (name: string) => join(directory, name);
  for (const name of ["host", "user"]) {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", at(name)]);
  }
  const port = await freePort();
  writeFileSync(at("known"), `[localhost]:${port} ${readFileSync(at("host.pub"), "utf8")}`);
  writeFileSync(at("config"), `Host *\n  UserKnownHostsFile ${at("known")}\n  IdentityFile ${at("user")}\n`);
  // ssh takes its configuration from where the user lives, whatever HOME says.
  const ssh = execFileSync("sh", ["-c", "command -v ssh"], { encoding: "utf8" }).trim();
  mkdirSync(at("bin"));
  writeFileSync(at("bin/ssh"), `#!/bin/sh\nexec ${ssh} -F ${at("config")} "$@"\n`);
  chmodSync(at("bin/ssh"), 0o755);
  setVariables({ PATH: `${at("bin")}:${process.env.PATH}` });

  mkdirSync("/run/sshd", { recursive: true });
  const options = [
    `AuthorizedKeysFile=${at("user.pub")}`,
    "StrictModes=no",
    "PidFile=none",
    "PermitRootLogin=yes",
  ];
  const flags = ["-D", "-e", "-f", "/dev/null", "-p", String(port), "-h", at("host")];
  const child = spawn(sshd, [...flags, ...options.flatMap((option) => ["-o", option])], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  onTestFinished(() => void child.kill());
  for await (const text of child.stderr.setEncoding("utf8")) if (text.includes("Server listening")) break;
  return { port, directory };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "localhost");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
