import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { daemonAddress } from "./daemon-proxy.ts";

/**
 * Stands between a client and the Docker daemon until the test ends, and lets through only what it is told to.
 * @param allowed judges a call: its method, and its path without the API's version (`POST`, `/containers/create`)
 * @returns the calls that passed and those that were refused, each as `POST /containers/create`
 */
export async function filterDaemon(socketPath: string, allowed: (call: string) => boolean) {
  const [passed, refused]: [string[], string[]] = [[], []];
  const sockets = new Set<Socket>();

  function keep(socket: Socket): Socket {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    return socket.on("close", () => sockets.delete(socket));
  }

  const filter = createServer(async (client) => {
    keep(client);
    const head = await readHead(client);
    if (head === undefined) return;
    const [, method, target] = /^(\S+) (?:\/v[\d.]+)?(\/[^ ?]*)/.exec(head) ?? [];
    const call = `${method} ${target}`;
    const fine = allowed(call);
    (fine ? passed : refused).push(call);
    if (!fine) {
      client.end("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    const daemon = keep(connect(daemonAddress()));
    // So that the next call has a connection, and a judgement, of its own.
    daemon.write(head.replace(/^connection: keep-alive$/im, "Connection: close"), "latin1");
    client.pipe(daemon).pipe(client);
    client.on("close", () => daemon.destroy());
    daemon.on("close", () => client.destroy());
  });

  filter.listen(socketPath);
  await once(filter, "listening");
  onTestFinished(() => {
    filter.close();
    for (const socket of sockets) socket.destroy();
  });
  return { passed, refused };
}

/** What a client sends until its headers are over, and maybe more; undefined when it goes away before. */
async function readHead(client: Socket): Promise<string | undefined> {
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    const chunk = client.read() as Buffer | null;
    if (chunk !== null) head += chunk.toString("latin1");
    else if (client.destroyed || client.readableEnded) return undefined;
    else await Promise.race(["readable", "end", "close"].map((event) => once(client, event)));
  }
  client.removeAllListeners("readable");
  return head;
}
