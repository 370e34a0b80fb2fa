import { isIP, isIPv6, SocketAddress } from "node:net";

/**
 * The one way to write an address: IPv4 where IPv6 only wraps one, no zone, IPv6 shortened.
 * @returns undefined for what is no address
 */
export function readAddress(text: string): string | undefined {
  const [address = ""] = text.split("%", 1);
  const version = isIP(address);
  if (version === 0) return undefined;
  const family = version === 4 ? "ipv4" : "ipv6";
  return new SocketAddress({ address, family }).address.replace(/^::ffff:(?=\d+\.)/, "");
}

/** One household has a whole /64 of IPv6 addresses and may ask from a new one each time. */
export function networkOf(address: string): string {
  const plain = readAddress(address) ?? address;
  if (!isIPv6(plain)) return plain;
  const [head = "", tail] = plain.split("::");
  const front = head.split(":").filter(Boolean);
  const back = tail?.split(":").filter(Boolean) ?? [];
  const zeros = tail === undefined ? [] : Array(Math.max(0, 8 - front.length - back.length)).fill("0");
  return [...front, ...zeros, ...back].slice(0, 4).join(":");
}
