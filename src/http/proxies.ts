import { BlockList, isIPv6 } from "node:net";
import type { Middleware } from "koa";
import type { Logger } from "pino";
import { readAddress } from "./addresses.ts";

/** The proxies in front whose headers are believed: how many in a row, or their addresses and networks. */
export type TrustedProxies = number | readonly string[];

/** Whether this sender, so many hops away, is a proxy of ours. The one that is connected to us is 0 hops away. */
type Trust = (address: string, hops: number) => boolean;

/** Addresses of this machine and of private networks, where one's own proxy is as a rule. */
const near = [
  ...["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"],
  ...["::1", "fc00::/7", "fe80::/10"],
];

/**
 * Sets `ctx.ip` to the client's address and `ctx.state.secure` to whether the client came by TLS. Both are what the
 * connection tells, unless it comes from a trusted proxy. No other forwarding header means anything here. What looks like a
 * proxy that was forgotten is told of, once.
 */
export function believeProxies(trusted: TrustedProxies, logger: Logger): Middleware {
  const [isTrusted, isNear] = [trustIn(trusted), trustIn(near)];
  let told = false;
  return (ctx, next) => {
    const given = ctx.req.socket.remoteAddress ?? "";
    const peer = readAddress(given) ?? given;
    const forwardedFor = ctx.get("X-Forwarded-For");
    if (!told && forwardedFor !== "" && isNear(peer, 0) && !isTrusted(peer, 0)) {
      told = true;
      logger.warn(
        { peer },
        `a proxy that is not trusted passes requests on: all its clients count as one, and share one budget; if it is yours, set KIISRV_TRUSTED_PROXIES=${peer}`,
      );
    }
    ctx.request.ip = clientAddress(peer, forwardedFor, isTrusted);
    ctx.state.secure = isTrusted(peer, 0) && last(ctx.get("X-Forwarded-Proto")).toLowerCase() === "https";
    return next();
  };
}

/** Each proxy adds at the right whom it was asked by. So from the right on, as far as proxies of ours have written. */
export function clientAddress(peer: string, forwardedFor: string, isTrusted: Trust): string {
  let sender = peer;
  for (const [hops, entry] of forwardedFor.split(",").reverse().entries()) {
    const before = isTrusted(sender, hops) ? readAddress(withoutPort(entry.trim())) : undefined;
    if (before === undefined) break;
    sender = before;
  }
  return sender;
}

export function trustIn(trusted: TrustedProxies): Trust {
  if (typeof trusted === "number") return (_, hops) => hops < trusted;
  const list = new BlockList();
  for (const entry of trusted) {
    const [address = "", length] = entry.split("/", 2);
    const family = familyOf(address);
    if (length === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(length), family);
  }
  return (address) => {
    const plain = readAddress(address);
    return plain !== undefined && list.check(plain, familyOf(plain));
  };
}

function familyOf(address: string): "ipv4" | "ipv6" {
  return isIPv6(address) ? "ipv6" : "ipv4";
}

/** Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  const [, bracketed, dotted] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(entry) ?? [];
  return bracketed ?? dotted ?? entry;
}

function last(list: string): string {
  return list.slice(list.lastIndexOf(",") + 1).trim();
}
