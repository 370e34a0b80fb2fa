import { createHmac, type KeyObject } from "node:crypto";
import type { Requester } from "../build/service.ts";
import { networkOf, readAddress } from "./addresses.ts";

export interface RequesterOptions {
  /** Keys the hash of addresses. A key object: to make one takes longer than to hash. */
  secret: KeyObject;
  /** Store addresses as they are. */
  rawAddresses: boolean;
}

/** Who asks, from address and User-Agent; the raw address leaves here only when that is configured. */
export function identifyRequester(address: string, userAgent: string, options: RequesterOptions): Requester {
  const plain = readAddress(address) ?? address;
  const client = createHmac("sha256", options.secret).update(networkOf(plain)).digest("hex").slice(0, 32);
  const agent = userAgent.toLowerCase();
  return {
    client,
    address: options.rawAddresses ? plain : client,
    os: operatingSystem(agent),
    web: !agent.includes("electron"),
  };
}

function operatingSystem(agent: string): string {
  if (agent.includes("windows")) return "Windows";
  if (agent.includes("mac")) return "Mac";
  if (agent.includes("linux") || agent.includes("x11")) return "Linux";
  return "Unknown";
}
