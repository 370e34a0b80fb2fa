import fc from "fast-check";
import Koa from "koa";
import { pino } from "pino";
import request from "supertest";
import { describe, expect, test } from "vitest";
import { believeProxies, clientAddress, type TrustedProxies, trustIn } from "../../src/http/proxies.ts";
import { demoRequest } from "../support/app.ts";
import { openServer } from "../support/server.ts";

const peer = "10.0.0.9";

function addressOf(forwardedFor: string, trusted: TrustedProxies): string {
  return clientAddress(peer, forwardedFor, trustIn(trusted));
}

test("a proxy of a link is known by its address, whatever the link is called here", () => {
  const isTrusted = trustIn(["fe80::/64"]);
  expect(isTrusted("fe80::1%eth0", 0)).toBe(true);
  expect(isTrusted("fe80:0:0:1::1%eth0", 0)).toBe(false);
  expect(isTrusted("", 0)).toBe(false);
});

describe("the client's address", () => {
  test("is that of the connection where no proxy is trusted, whatever the headers say", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), (header) => {
        expect(addressOf(header, 0)).toBe(peer);
        expect(addressOf(header, [])).toBe(peer);
        expect(addressOf(header, ["10.0.0.8", "2001:db8::/32"])).toBe(peer);
      }),
    );
  });

  test("is what the proxy added, however much a client wrote before it", () => {
    fc.assert(
      fc.property(fc.string(), fc.ipV4(), (spoofed, real) => {
        expect(addressOf(`${spoofed}, ${real}`, 1)).toBe(real);
        expect(addressOf(`${spoofed}, ${real}, 10.0.0.8`, 2)).toBe(real);
        expect(addressOf(`${spoofed}, ${real}`, [peer])).toBe(real);
      }),
    );
  });

  test.for([
    ["203.0.113.1, 198.51.100.7", 1, "198.51.100.7"],
    ["203.0.113.1, 198.51.100.7", 2, "203.0.113.1"],
    ["203.0.113.1, 198.51.100.7", 9, "203.0.113.1"],
    ["", 1, peer],
    ["203.0.113.1", ["10.0.0.0/8"], "203.0.113.1"],
    ["192.0.2.66, 203.0.113.1, 10.1.2.3", ["10.0.0.0/8"], "203.0.113.1"],
    ["203.0.113.1, fd00::7", ["10.0.0.9", "fd00::/64"], "203.0.113.1"],
    ["203.0.113.1, fd01::7", ["10.0.0.9", "fd00::/64"], "fd01::7"],
  ] as const)("of X-Forwarded-For '%s' behind %j is %s", ([header, trusted, expected]) => {
    expect(addressOf(header, trusted)).toBe(expected);
  });

  test.for([
    ["198.51.100.7:4711", "198.51.100.7"],
    ["[2001:DB8::1]:4711", "2001:db8::1"],
    ["[2001:db8::1]", "2001:db8::1"],
    ["::ffff:198.51.100.7", "198.51.100.7"],
    ["::FFFF:c633:6407", "198.51.100.7"],
    ["2001:db8:0:0::1%eth0", "2001:db8::1"],
  ] as const)("is read in the forms proxies write it: %s", ([written, address]) => {
    expect(addressOf(written, 1)).toBe(address);
  });

  test.for(["unknown", "_hidden", "", " ", "1.2.3", "1.2.3.4.5", "198.51.100.7 x", "localhost", "[", "[]:1"])(
    "is the nearest that can be read, where a proxy wrote '%s'",
    (garbage) => {
      expect(addressOf(garbage, 1)).toBe(peer);
      expect(addressOf(`203.0.113.1, ${garbage}, 198.51.100.7`, 3)).toBe("198.51.100.7");
    },
  );
});

describe("who asked for a build", () => {
  async function stored(trustedProxies: TrustedProxies, forwardedFor: string): Promise<unknown> {
    const server = await openServer({ trustedProxies, rawAddresses: true });
    server.house.runner.onRun = (run) => run.end();
    await request(server.url).post("/").set("X-Forwarded-For", forwardedFor).send(demoRequest().toString());
    await new Promise(setImmediate);
    return server.house.databases.stats.prepare("SELECT ip_addr FROM Requests").pluck().get();
  }

  test("is told by the proxies that are listed", async () => {
    expect(await stored(["127.0.0.1", "::1"], "203.0.113.1")).toBe("203.0.113.1");
  });

  test("is not told by anybody else", async () => {
    expect(await stored(["10.0.0.1"], "203.0.113.1")).toMatch(/^(127\.0\.0\.1|::1)$/);
  });
});

describe("a proxy that was forgotten", () => {
  async function warnings(trusted: TrustedProxies, forwardedFor: Record<string, string>): Promise<string[]> {
    const lines: string[] = [];
    const logger = pino({ level: "warn" }, { write: (line) => void lines.push(line) });
    const app = new Koa().use(believeProxies(trusted, logger)).callback();
    for (let times = 0; times < 3; times++) await request(app).get("/").set(forwardedFor);
    return lines;
  }

  test("is told of once, with what to set", async () => {
    const lines = await warnings(0, { "X-Forwarded-For": "203.0.113.1" });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/KIISRV_TRUSTED_PROXIES=(127\.0\.0\.1|::1)"/);
  });

  test.for<[string, TrustedProxies, Record<string, string>]>([
    ["that is trusted", ["127.0.0.0/8", "::1"], { "X-Forwarded-For": "203.0.113.1" }],
    ["whose hop is counted", 1, { "X-Forwarded-For": "203.0.113.1" }],
    ["that nobody speaks of", 0, {}],
  ])("is not one %s", async ([, trusted, headers]) => {
    expect(await warnings(trusted, headers)).toEqual([]);
  });
});
