import { once } from "node:events";
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/**
 * Serves the files of a bare repository (`git update-server-info` was run) until the test ends.
 * @param credentials `user:password` it asks for
 * @returns host and port
 */
export async function serveFiles(directory: string, credentials: string): Promise<string> {
  const expected = `Basic ${Buffer.from(credentials).toString("base64")}`;
  const server = createServer((request, response) => {
    const path = join(directory, new URL(request.url ?? "/", "http://any").pathname);
    if (request.headers.authorization !== expected) {
      response.writeHead(401, { "WWW-Authenticate": 'Basic realm="layouts"' }).end();
    } else if (statSync(path, { throwIfNoEntry: false })?.isFile()) createReadStream(path).pipe(response);
    else response.writeHead(404).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
