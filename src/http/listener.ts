import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { networkOf, readAddress } from "./addresses.ts";
import { Tally } from "./tally.ts";

export interface ConnectionLimits {
  /** Open at once; 0: no limit. */
  most: number;
  /** Of one client; 0: no limit. */
  perClient: number;
  /** Those of proxies are everybody's, and only count in all. */
  isProxy(address: string): boolean;
  /** Is told of each connection that was refused. */
  onRefused(address: string, why: string): void;
}

/** Milliseconds. */
export interface Patience {
  /** For the headers of a request, from the connection on. */
  headers: number;
  /** For a request with its body. */
  request: number;
  /** For the next request on a connection. */
  next: number;
  /** For a client to take any of what waits to be sent to it. */
  reading: number;
  /** Between two looks at who is late with headers and bodies. */
  interval: number;
}

/**
 * Requests that may wait for an answer on one connection, refused ones included: each takes ten KiB, and 64 KiB can hold
 * thousands. Clients and proxies send the next one when they have the last answer.
 */
const mostPipelined = 16;

const usual: Patience = { headers: 20_000, request: 120_000, next: 65_000, reading: 60_000, interval: 5_000 };

/**
 * A server that slow and greedy clients cannot wear down. Receiving a request has its time, and so has the client who is sent
 * something. Answering has none: a build takes minutes, in which nothing passes either way, and a stream may be silent.
 */
export function createListener(
  answer: RequestListener,
  limits: ConnectionLimits,
  patience: Patience = usual,
): Server {
  const server = createServer({
    headersTimeout: patience.headers,
    requestTimeout: patience.request,
    keepAliveTimeout: patience.next,
    connectionsCheckingInterval: patience.interval,
    maxHeaderSize: 16 * 1024,
    // What Node would answer by itself would be counted by nobody: `refuse` does it.
    requireHostHeader: false,
  });
  server.on("checkExpectation", (request, response) => server.emit("request", request, response));
  server.maxHeadersCount = 100;
  if (limits.most > 0) server.maxConnections = limits.most;
  server.on("drop", (refused) => limits.onRefused(refused?.remoteAddress ?? "", "too many connections"));
  boundClients(server, limits);
  const answersOf = keepAnswers(server);
  boundPipelines(server, answersOf, limits);
  endStalled(server, answersOf, patience.reading);
  server.on("request", (request, response) => {
    // What came together with the request that was one too many comes here all the same.
    if (!request.socket.destroyed && !refuse(request, response)) answer(request, response);
  });
  return server;
}

/** Answers what HTTP/1.1 does not allow; says whether it did. */
function refuse({ headers, httpVersion }: IncomingMessage, response: ServerResponse): boolean {
  const homeless = headers.host === undefined && httpVersion === "1.1";
  const demanding = headers.expect !== undefined && !/^100-continue$/i.test(headers.expect);
  if (!homeless && !demanding) return false;
  response.writeHead(homeless ? 400 : 417, { Connection: "close" }).end();
  return true;
}

type AnswersOf = (socket: Duplex) => Set<ServerResponse>;

function boundClients(server: Server, { perClient, isProxy, onRefused }: ConnectionLimits): void {
  const open = new Tally<string>();
  server.on("connection", (socket: Socket) => {
    const address = socket.remoteAddress ?? "";
    if (perClient === 0 || isProxy(address)) return;
    const client = networkOf(readAddress(address) ?? address);
    open.enter(client);
    socket.once("close", () => open.leave(client));
    if (open.of(client) <= perClient) return;
    onRefused(address, `more than ${perClient} connections`);
    socket.destroy();
  });
}

/**
 * Keeps the answers that each connection waits for.
 *
 * Node lets go of a connection that wants to become a tunnel (`CONNECT`), and of those answers then never tells that nobody
 * waits for them any more: what they hold would be held for ever.
 */
function keepAnswers(server: Server): AnswersOf {
  const underWay = new WeakMap<Duplex, Set<ServerResponse>>();
  const answersOf = (socket: Duplex) => underWay.get(socket) ?? new Set();
  server.on("request", ({ socket }, response) => {
    underWay.set(socket, answersOf(socket).add(response));
    response.once("close", () => answersOf(socket).delete(response));
  });
  server.on("connect", (_request, socket) => {
    socket.destroy();
    for (const response of answersOf(socket)) response.destroy();
  });
  return answersOf;
}

function boundPipelines(server: Server, answersOf: AnswersOf, { onRefused }: ConnectionLimits): void {
  server.on("request", ({ socket }) => {
    if (socket.destroyed || answersOf(socket).size <= mostPipelined) return;
    onRefused(socket.remoteAddress ?? "", `more than ${mostPipelined} requests at once on one connection`);
    socket.destroy();
  });
}

/** A connection on which nothing moves ends, unless an answer is still being made and nothing of it waits for the client. */
function endStalled(server: Server, answersOf: AnswersOf, reading: number): void {
  server.setTimeout(reading, (socket: Socket) => {
    if (answersOf(socket).size > 0 && socket.writableLength === 0) socket.setTimeout(reading);
    else socket.destroy();
  });
}
