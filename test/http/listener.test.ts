import { once } from "node:events";
import { readdirSync } from "node:fs";
import { get, type RequestListener } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { type ConnectionLimits, createListener, type Patience } from "../../src/http/listener.ts";
import { eventually } from "../support/app.ts";

/** Milliseconds; a test of what takes longer waits several times as long. */
const patience: Patience = { headers: 300, request: 600, next: 400, reading: 300, interval: 50 };

async function open(answer: RequestListener, more: Partial<ConnectionLimits> = {}) {
  const refused: string[] = [];
  const limits: ConnectionLimits = {
    most: 0,
    perClient: 0,
    isProxy: () => false,
    onRefused: (address, why) => refused.push(`${address}: ${why}`),
    ...more,
  };
  const server = createListener(answer, limits, patience);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    refused,
    connections: () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count))),
    /** A connection that is not read from until somebody does. */
    connect(localAddress = "127.0.0.1"): Socket {
      const socket = connect({ port, host: "127.0.0.1", localAddress });
      onTestFinished(() => void socket.destroy());
      // A connection that is cut may be reset; what counts is that it ends.
      return socket.on("error", () => socket.destroy());
    },
    /** What somebody with another address gets. */
    async ask(path = "/", localAddress = "127.0.0.2"): Promise<string> {
      const request = get({ port, host: "127.0.0.1", localAddress, path, agent: false });
      const [response] = await once(request, "response");
      return text(response);
    },
  };
}

/** A server that answers nobody, and how many answers it began and saw the end of. */
async function openSilent() {
  const answers = { begun: 0, over: 0 };
  const server = await open((_, response) => {
    answers.begun++;
    response.once("close", () => answers.over++);
  });
  return { server, answers };
}

const hello: RequestListener = (_, response) => response.end("hello");

/** Sends a piece each time, without end, until the connection is closed. */
async function drip(socket: Socket, piece: string, milliseconds: number): Promise<void> {
  while (!socket.destroyed) {
    socket.write(piece);
    await sleep(milliseconds);
  }
}

/** A client that goes on sending may be cut off before it has read why: then another one tries. */
async function isTold(connection: () => Socket): Promise<void> {
  const heard = async () => {
    let all = "";
    const socket = connection().setEncoding("utf8");
    socket.on("data", (piece: string) => {
      all += piece;
    });
    await once(socket, "close");
    expect(all).toMatch(/^HTTP\/1\.1 408 /);
  };
  await vi.waitFor(heard, { timeout: 20_000 });
}

describe("a client that is slow", () => {
  test("to say anything is hung up on", async () => {
    const server = await open(hello);
    await once(server.connect().resume(), "close");
  });

  test("with the headers is told so and hung up on, however busy it looks", async () => {
    const server = await open(hello);
    await isTold(() => {
      const socket = server.connect();
      socket.write("GET / HTTP/1.1\r\n");
      void drip(socket, "X-A: a\r\n", 20);
      return socket;
    });
  });

  test("with the body is told so and hung up on", async () => {
    const server = await open((request, response) => void request.on("end", () => response.end()).resume());
    await isTold(() => {
      const socket = server.connect();
      socket.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
      void drip(socket, "a", 20);
      return socket;
    });
  });

  test("to ask again is hung up on", async () => {
    const server = await open(hello);
    const socket = server.connect();
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("to read what it asked for is hung up on, and what made it for them ends", async () => {
    const ended = Promise.withResolvers<boolean>();
    const server = await open((_, response) => {
      const fill = () => {
        while (response.write(Buffer.alloc(1 << 16)));
      };
      response.on("drain", fill).once("close", () => ended.resolve(response.writableFinished));
      fill();
    });
    const socket = server.connect();
    socket.pause();
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(await ended.promise).toBe(false);
    await eventually(async () => (await server.connections()) === 0);
  });

  test("but reads on is served to the end", async () => {
    const bytes = 16 << 20;
    const server = await open((_, response) => void response.end(Buffer.alloc(bytes)));
    const socket = server.connect();
    socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let received = 0;
    const begun = performance.now();
    for await (const chunk of socket) {
      received += (chunk as Buffer).length;
      // Slow enough to take several times the patience.
      await sleep(Math.max(0, (received / bytes) * 5 * patience.reading - (performance.now() - begun)));
    }
    expect(received).toBeGreaterThan(bytes);
  });
});

describe("an answer", () => {
  test("may take far longer than any client is given", async () => {
    const server = await open(async (_, response) => {
      await sleep(6 * patience.reading);
      response.end("built");
    });
    expect(await server.ask()).toBe("built");
  });

  test("may fall silent half way", async () => {
    const server = await open(async (_, response) => {
      response.write("20 %, ");
      await sleep(4 * patience.reading);
      response.write("80 %, ");
      await sleep(4 * patience.reading);
      response.end("built");
    });
    expect(await server.ask()).toBe("20 %, 80 %, built");
  });
});

describe("connections", () => {
  const descriptors = () => readdirSync("/proc/self/fd").length;

  test("500 idle ones of one client take no more than its share, and nothing from others", async () => {
    const before = descriptors();
    const server = await open(hello, { perClient: 20, most: 100 });
    const flood = Array.from({ length: 500 }, () => server.connect().resume());
    await Promise.all(flood.map((socket) => once(socket, "connect")));
    expect(await server.ask()).toBe("hello");
    expect(await server.connections()).toBeLessThanOrEqual(20);
    await eventually(() => server.refused.length >= 480);
    expect(new Set(server.refused)).toEqual(new Set(["127.0.0.1: more than 20 connections"]));
    await Promise.all(flood.map((socket) => socket.destroyed || once(socket, "close")));
    await eventually(() => descriptors() <= before + 5);
  });

  test("of one client are freed for its next ones when they end", async () => {
    const server = await open(hello, { perClient: 2 });
    for (let count = 0; count < 6; count++) expect(await server.ask()).toBe("hello");
    expect(server.refused).toEqual([]);
  });

  test("of a proxy are not counted as one client's", async () => {
    const server = await open(hello, { perClient: 1, isProxy: (address) => address === "127.0.0.2" });
    const held = Array.from({ length: 5 }, () => server.connect("127.0.0.2"));
    await Promise.all(held.map((socket) => once(socket, "connect")));
    expect(await server.ask()).toBe("hello");
    expect(server.refused).toEqual([]);
  });

  test("are bounded in all", async () => {
    const server = await open(hello, { most: 3 });
    const sockets = ["127.0.0.3", "127.0.0.4", "127.0.0.5"].map((address) => server.connect(address));
    await Promise.all(sockets.map((socket) => once(socket, "connect")));
    await once(server.connect("127.0.0.6").resume(), "close");
    expect(server.refused).toEqual(["127.0.0.6: too many connections"]);
  });
});

describe("requests that are sent before the last one is answered", () => {
  const asked = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const homeless = "GET / HTTP/1.1\r\n\r\n";
  const demanding = "GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n";

  test("are answered in their turn", async () => {
    let count = 0;
    const server = await open(async (_, response) => {
      const number = ++count;
      await sleep(number === 1 ? 3 * patience.interval : 0);
      response.end(`<${number}>`);
    });
    const socket = server.connect();
    socket.write(asked.repeat(16));
    const answers = await text(socket);
    const numbers = [...answers.matchAll(/<(\d+)>/g)].map(([, number]) => Number(number));
    expect(numbers).toEqual(Array.from({ length: 16 }, (_, index) => index + 1));
    expect(server.refused).toEqual([]);
  });

  test.each([
    ["sound", asked, 16],
    ["without a host", homeless, 1],
    ["with an odd expectation", demanding, 1],
  ])("and are too many (%s) end the connection, and nothing is done for the rest", async (_, more, done) => {
    const { server, answers } = await openSilent();
    const socket = server.connect().resume();
    socket.write(asked + more.repeat(500));
    await once(socket, "close");
    expect(server.refused).toEqual(["127.0.0.1: more than 16 requests at once on one connection"]);
    await eventually(() => answers.over === answers.begun);
    expect(answers.begun).toBe(done);
  });
});

test("a connection that wants to become a tunnel ends, and all that waits on it", async () => {
  const { server, answers } = await openSilent();
  const socket = server.connect().resume();
  socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(10));
  await eventually(() => answers.begun === 10);
  socket.write("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n");
  await once(socket, "close");
  await eventually(() => answers.over === 10);
});

test.each([
  ["GET / HTTP/1.1\r\n\r\n", /^HTTP\/1.1 400 Bad Request\r\n/],
  ["GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\n\r\n", /^HTTP\/1.1 417 Expectation Failed\r\n/],
  ["GET / HTTP/1.0\r\n\r\n", /^HTTP\/1.1 200 OK\r\n(?:.*\r\n)*\r\nhello$/],
])("what HTTP does not allow is refused: %j", async (asked, answered) => {
  const server = await open(hello);
  const socket = server.connect();
  socket.write(asked);
  expect(await text(socket)).toMatch(answered);
});

test("headers that are too large are refused", async () => {
  const server = await open(hello);
  const socket = server.connect();
  socket.write(`GET / HTTP/1.1\r\nHost: a\r\nX-Large: ${"x".repeat(17 * 1024)}\r\n\r\n`);
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 431 /);
});
