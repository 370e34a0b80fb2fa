import { once } from "node:events";
import { createServer, request } from "node:http";
import { buffer } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { daemonAddress } from "./daemon-proxy.ts";

/**
 * Passes questions on to the real daemon, and what it says of itself (`/info`) not as it was; until the test is over.
 * Only questions without a body, and answers that end.
 * @param socketPath where to listen
 * @param twist what to say instead of the daemon's own account
 */
export async function lyingDaemon(
  socketPath: string,
  twist: (info: Record<string, unknown>) => Record<string, unknown>,
): Promise<void> {
  const address = daemonAddress();
  const target = "path" in address ? { socketPath: address.path } : address;
  const server = createServer(async (question, answer) => {
    const { method, url, headers } = question;
    const passed = request({ ...target, method, path: url, headers }).end();
    const [truth] = await once(passed, "response");
    const bytes = await buffer(truth);
    const isInfo = /\/info$/.test(url ?? "");
    const told = isInfo ? Buffer.from(JSON.stringify(twist(JSON.parse(bytes.toString())))) : bytes;
    const type = String(truth.headers["content-type"] ?? "text/plain");
    answer.writeHead(truth.statusCode, { "Content-Type": type, "Content-Length": told.length }).end(told);
  });
  server.listen(socketPath);
  await once(server, "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
}
