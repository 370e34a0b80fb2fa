import { chmodSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, test, vi } from "vitest";
import { sshAgent, sshCommand } from "../../src/runner/ssh.ts";
import { temporaryDirectory } from "../support/app.ts";

function targetOf(address: string): string[] {
  const command = sshCommand(new URL(address));
  return command.slice(command.indexOf("-T") + 1);
}

describe("the ssh command for a daemon", () => {
  test.each([
    ["ssh://builder", ["--", "builder"]],
    ["ssh://ops@builder", ["-l", "ops", "--", "builder"]],
    ["ssh://ops@builder:2222", ["-l", "ops", "-p", "2222", "--", "builder"]],
    ["ssh://[2001:db8::1]", ["--", "2001:db8::1"]],
  ])("%s", (address, target) => {
    expect(targetOf(address)).toEqual([...target, "docker", "system", "dial-stdio"]);
  });

  test("refuses hosts it does not know, and asks nothing", () => {
    const command = sshCommand(new URL("ssh://builder"));
    expect(command).toEqual(expect.arrayContaining(["BatchMode=yes", "StrictHostKeyChecking=yes"]));
  });

  test.each(["ssh://-oProxyCommand=x", "ssh://-l@host", "ssh://a:secret@host", "ssh://host/path", "ssh://"])(
    "is not made of %s",
    (address) => {
      expect(() => sshCommand(new URL(address))).toThrow(Error);
    },
  );
});

/** In the place of ssh: answers with its own process id, and ends well as soon as it is told to. */
const endsWell = `#!/bin/sh
head -n 1 >/dev/null
printf 'HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s' "\${#$}" "$$"
while [ ! -e "$0.end" ]; do sleep 0.05; done
`;

test("a connection that ended while nobody used it is not taken up again", async () => {
  const directory = temporaryDirectory();
  const ssh = join(directory, "ssh");
  writeFileSync(ssh, endsWell);
  chmodSync(ssh, 0o755);
  vi.stubEnv("PATH", `${directory}:${process.env.PATH}`);
  const agent = sshAgent(new URL("ssh://builder"));
  const ask = () =>
    new Promise<string>((resolve, reject) => {
      request({ host: "docker.invalid", agent }, (answer) => resolve(text(answer)))
        .on("error", reject)
        .end();
    });
  try {
    const first = await ask();
    await vi.waitFor(() => expect(Object.keys(agent.freeSockets)).toHaveLength(1));
    writeFileSync(`${ssh}.end`, "");
    await vi.waitFor(() => expect(() => process.kill(Number(first), 0)).toThrow("ESRCH"));
    await vi.waitFor(() => expect(Object.keys(agent.freeSockets)).toHaveLength(0));
    expect(await ask()).not.toBe(first);
  } finally {
    agent.destroy();
    vi.unstubAllEnvs();
  }
});
