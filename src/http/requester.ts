import { createHmac } from "node:crypto";
import { isIPv6 } from "node:net";
import type { Requester } from "../build/service.ts";

export interface RequesterOptions {
  /** Keys the hash of addresses. */
  secret: Buffer;
  /** Store addresses as they are. */
  rawAddresses: boolean;
}

/** Who asks, from address and User-Agent; the raw address leaves here only when that is configured. */
export function identifyRequester(address: string, userAgent: string, options: RequesterOptions): Requester {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "");
  const client = createHmac("sha256", options.secret).update(network(plain)).digest("hex").slice(0, 32);
  const agent = userAgent.toLowerCase();
  return {
    client,
    address: options.rawAddresses ? plain : client,
    os: operatingSystem(agent),
    web: !agent.includes("electron"),
  };
}

/** One household has a whole /64 of IPv6 addresses and may ask from a new one each time. */
function network(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("%")[0]?.split("::") ?? [];
  const front = head.split(":").filter(Boolean);
  const back = tail?.split(":").filter(Boolean) ?? [];
  const zeros = tail === undefined ? [] : Array(Math.max(0, 8 - front.length - back.length)).fill("0");
  return [...front, ...zeros, ...back]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}

function operatingSystem(agent: string): string {
  if (agent.includes("windows")) return "Windows";
  if (agent.includes("mac")) return "Mac";
  if (agent.includes("linux") || agent.includes("x11")) return "Linux";
  return "Unknown";
}
