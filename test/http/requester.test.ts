import { createSecretKey } from "node:crypto";
import { describe, expect, test } from "vitest";
import { identifyRequester } from "../../src/http/requester.ts";

const secret = createSecretKey("secret", "utf8");

function clientOf(address: string, key = secret): string {
  return identifyRequester(address, "", { secret: key, rawAddresses: false }).client;
}

describe("the hash of an address", () => {
  test("shows nothing of it and depends on the installation's secret", () => {
    expect(clientOf("192.0.2.1")).toMatch(/^[0-9a-f]{32}$/);
    expect(clientOf("192.0.2.1", createSecretKey("other", "utf8"))).not.toBe(clientOf("192.0.2.1"));
  });

  test.for([
    ["192.0.2.1", "::ffff:192.0.2.1"],
    ["192.0.2.1", "::FFFF:192.0.2.1"],
    ["2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"],
    ["2001:db8:1:2::1", "2001:0DB8:0001:0002::"],
    ["2001:db8::1", "2001:db8:0:0:5::"],
    ["fe80::1%eth0", "fe80::2%wlan0"],
    ["::1", "0:0:0:0:0:0:0:1"],
  ] as const)("is the same for %s and %s", ([one, other]) => {
    expect(clientOf(one)).toBe(clientOf(other));
  });

  test.for([
    ["192.0.2.1", "192.0.2.2"],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.2"],
    ["2001:db8:1:2::1", "2001:db8:1:3::1"],
    ["2001:db8:1::", "2001:db8:0:1::"],
    ["::1", "fe80::1"],
    ["", "unknown"],
  ] as const)("is another one for %s and %s", ([one, other]) => {
    expect(clientOf(one)).not.toBe(clientOf(other));
  });
});

describe("what is stored of an address", () => {
  test("is its hash", () => {
    const { client, address } = identifyRequester("192.0.2.1", "", { secret, rawAddresses: false });
    expect(address).toBe(client);
  });

  test("is itself where that is configured, still told apart by the hash", () => {
    const { client, address } = identifyRequester("::ffff:192.0.2.1", "", { secret, rawAddresses: true });
    expect(address).toBe("192.0.2.1");
    expect(client).toBe(clientOf("192.0.2.1"));
  });
});

test.for([
  ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/130.0", "Windows", true],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605", "Mac", true],
  ["Mozilla/5.0 (X11; Linux x86_64) Firefox/130.0", "Linux", true],
  ["Mozilla/5.0 (X11; OpenBSD amd64)", "Linux", true],
  ["Mozilla/5.0 (X11; LINUX) Kiibohd/1.0 Electron/2.0", "Linux", false],
  ["Mozilla/5.0 (WINDOWS) electron", "Windows", false],
  ["curl/8.0", "Unknown", true],
  ["", "Unknown", true],
] as const)("%s is %s, web %s", ([agent, os, web]) => {
  expect(identifyRequester("192.0.2.1", agent, { secret, rawAddresses: false })).toMatchObject({ os, web });
});
