import { describe, expect, test } from "vitest";
import { sshCommand } from "../../src/runner/ssh.ts";

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
