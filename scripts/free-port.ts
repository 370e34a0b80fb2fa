import { once } from "node:events";
import { createServer } from "node:net";

/**
 * A port nobody listens on at this address.
 * @param port the one to look at; 0: any
 * @throws Error if it is taken
 */
export async function freePort(host: string, port = 0): Promise<number> {
  const probe = createServer().listen(port, host);
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (typeof address !== "object" || address === null) throw new Error("no port is free");
  return address.port;
}
