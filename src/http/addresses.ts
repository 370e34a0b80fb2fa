import { isIP, isIPv6, SocketAddress } from "node:net";

/**
 * The one way to write an address: IPv4 where IPv6 only wraps one, no zone, IPv6 shortened.
 * @returns undefined for what is no address
 */
export function readAddress(text: string): string | undefined {
  const [address = ""] = text.split("%", 1);
  const version = isIP(address);
  if (version === 0) return undefined;
  if (version === 4) return address;
  return new SocketAddress({ address, family: "ipv6" }).address.replace(/^::ffff:(?=\d+\.)/, "");
}

/**
 * Whom an address belongs to: one household has a whole /64 of IPv6 addresses and may ask from a new one each time.
 * @param address as `readAddress` gives it; what is none is returned as it is
 */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = "", tail] = address.split("::");
  const front = head.split(":").filter(Boolean);
  const back = tail?.split(":").filter(Boolean) ?? [];
  const zeros = tail === undefined ? [] : Array(Math.max(0, 8 - front.length - back.length)).fill("0");
  return [...front, ...zeros, ...back].slice(0, 4).join(":");
}
