import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** Stands between a client and the Docker daemon, to take the daemon away without stopping the real one. */
export interface DaemonProxy {
  socketPath: string;
  /** Drops all connections and takes no more. */
  cut(): void;
  /** Passes nothing on any more, but keeps and takes connections. */
  freeze(): void;
  close(): Promise<void>;
}

/** Where the daemon of these tests listens, as `net.connect` takes it. */
export function daemonAddress(): { path: string } | { host: string; port: number } {
  const { protocol, hostname, port, pathname } = new URL(
    process.env.DOCKER_HOST ?? "unix:///var/run/docker.sock",
  );
  return protocol === "unix:" ? { path: pathname } : { host: hostname, port: Number(port) };
}

export async function proxyDaemon(socketPath: string): Promise<DaemonProxy> {
  const sockets = new Set<Socket>();
  let frozen = false;

  function keep(socket: Socket): Socket {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    return socket.on("close", () => sockets.delete(socket));
  }

  const server = createServer((client) => {
    keep(client);
    if (frozen) return;
    const daemon = keep(connect(daemonAddress()));
    client.pipe(daemon).pipe(client);
    client.on("close", () => daemon.destroy());
    daemon.on("close", () => client.destroy());
  });

  function cut(): void {
    server.close();
    for (const socket of sockets) socket.destroy();
  }

  server.listen(socketPath);
  await once(server, "listening");
  return {
    socketPath,
    cut,
    freeze: () => {
      frozen = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    close: async () => {
      cut();
      if (server.listening) await once(server, "close");
    },
  };
}
