import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
}

export interface Question {
  method?: string;
  headers?: Record<string, string>;
  body?: Buffer;
}

/** So long nothing may come from a server before that counts as no answer, milliseconds. */
const patience = 180_000;

/** A client with an address of its own. */
export class LoadClient {
  readonly #host: string;
  readonly #port: number;
  readonly #address: string;
  readonly #agent: Agent;

  /**
   * @param address of this machine, e.g. any of 127.0.0.0/8
   * @param connections kept at once; what is asked beyond waits
   */
  constructor(url: string, address: string, connections = 1) {
    const { hostname, port } = new URL(url);
    this.#host = hostname;
    this.#port = Number(port);
    this.#address = address;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, timeout: patience });
  }

  /** @throws Error when no whole answer came */
  ask(path: string, { method = "GET", headers = {}, body }: Question = {}): Promise<Reply> {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const length = body === undefined ? {} : { "Content-Length": body.length };
    const asking = request({
      host: this.#host,
      port: this.#port,
      localAddress: this.#address,
      agent: this.#agent,
      path,
      method,
      headers: { ...length, ...headers },
    });
    asking.on("error", reject);
    asking.on("timeout", () => asking.destroy(new Error("no answer in time")));
    asking.on("response", (answer) => {
      const chunks: Buffer[] = [];
      answer.on("error", reject);
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () => {
        const { statusCode = 0, headers } = answer;
        resolve({ status: statusCode, headers, bytes: Buffer.concat(chunks) });
      });
    });
    asking.end(body);
    return promise;
  }

  /** Opens a connection for one request, to be written by hand. */
  connect(): Socket {
    return connect({ host: this.#host, port: this.#port, localAddress: this.#address });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Sends the pieces of a request (with `Connection: close`) one by one, and gives the status of the answer. */
export async function dribble(
  socket: Socket,
  pieces: readonly (Buffer | string)[],
  pause: number,
): Promise<number> {
  const answer = readAll(socket);
  for (const piece of pieces) {
    socket.write(piece);
    await sleep(pause);
  }
  return statusOf(await answer);
}

/** Sends the beginning of a request, and is gone a while after that is on its way. */
export async function abandon(socket: Socket, beginning: Buffer | string, after: number): Promise<void> {
  // That the server lets go first is its right.
  socket.on("error", () => socket.destroy());
  const written = Promise.withResolvers<void>();
  socket.write(beginning, () => written.resolve());
  await written.promise;
  await sleep(after);
  socket.destroy();
}

/** Everything that comes until the server ends the connection. */
export function readAll(socket: Socket): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  socket.setTimeout(patience, () => socket.destroy(new Error("no answer in time")));
  socket.on("error", reject);
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("end", () => resolve(Buffer.concat(chunks)));
  return promise;
}

/** Of an answer as it came over the wire. */
export function statusOf(answer: Buffer): number {
  const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(answer.toString("latin1", 0, 20)) ?? [];
  return Number(status);
}
