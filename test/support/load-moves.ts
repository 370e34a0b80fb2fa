import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { demoRequest, differentRequest } from "./app.ts";
import { badRequests } from "./badDocuments.ts";
import { abandon, dribble, type LoadClient, type Reply, readAll, statusOf } from "./load-client.ts";

/** What is known of a server before it is stormed. */
export interface Target {
  /** Built before: what was posted, and the answer. */
  kept: readonly { body: Buffer; answer: Buffer }[];
  /** One of their zips. */
  zip: Download;
  /** A download too large for the buffers on its way. */
  large: Download;
}

export interface Download {
  path: string;
  bytes: Buffer;
}

/** What a client may do, as part of a storm. */
export interface Move {
  name: string;
  /** Of a thousand moves, so many are this one. */
  share: number;
  /** What may come of it: the status, of an error with its code, and what is wrong with the answer. */
  outcomes: readonly string[];
  make(client: LoadClient, target: Target, count: Counters): Promise<string>;
}

/** Numbers that make requests differ. */
export interface Counters {
  /** Of this move in the storm. */
  move: number;
  /** A number that no other request has. */
  fresh(): number;
  /** A number that requests at about the same time have in common, and no others. */
  common(): number;
}

/** Milliseconds between the pieces of what is sent or read slowly. */
const slowness = 300;

/** A thousand of all a polite client does. */
export const moves: readonly Move[] = [
  {
    name: "a kept build",
    share: 430,
    outcomes: ["200"],
    async make(client, { kept }, { move }) {
      const { body, answer } = itemOf(kept, move);
      return outcomeOf(await post(client, body), answer);
    },
  },
  {
    name: "a new build",
    share: 3,
    outcomes: ["200"],
    make: async (client, _, count) => builtOf(await post(client, differentRequest(count.fresh()))),
  },
  {
    name: "a new build for many",
    share: 15,
    outcomes: ["200"],
    make: async (client, _, count) => builtOf(await post(client, differentRequest(count.common()))),
  },
  {
    name: "a new build nobody waits for",
    share: 1,
    outcomes: ["gone"],
    async make(client, _, count) {
      const body = differentRequest(count.fresh());
      await abandon(client.connect(), Buffer.concat([headOf(body), body]), slowness / 2);
      return "gone";
    },
  },
  {
    name: "a broken request",
    share: 97,
    outcomes: ["as it should be"],
    async make(client, _, { move }) {
      const { name, bytes, expected } = itemOf(broken, move);
      const outcome = outcomeOf(await post(client, bytes));
      return outcome === expected ? "as it should be" : `${name}: ${outcome}`;
    },
  },
  {
    name: "an unknown version",
    share: 20,
    outcomes: ["400 unknown-version"],
    make: async (client) => outcomeOf(await post(client, unknownVersion)),
  },
  {
    name: "a body too large",
    share: 1,
    outcomes: ["413 body-too-large", "429 queue-full"],
    make: async (client) => outcomeOf(await post(client, Buffer.alloc(10 * 1024 * 1024 + 1, " "))),
  },
  {
    name: "a body of unknown length",
    share: 3,
    outcomes: ["200", "429"],
    async make(client, { kept }, { move }) {
      const { body } = itemOf(kept, move);
      const chunk = `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      return String(await dribble(client.connect(), [head("Transfer-Encoding: chunked"), chunk], slowness));
    },
  },
  {
    name: "a body that comes slowly",
    share: 3,
    outcomes: ["200"],
    async make(client, { kept }, { move }) {
      const { body } = itemOf(kept, move);
      const half = Math.floor(body.length / 2);
      const pieces = [headOf(body), body.subarray(0, half), body.subarray(half)];
      return String(await dribble(client.connect(), pieces, slowness));
    },
  },
  {
    name: "a body that ends half way",
    share: 8,
    outcomes: ["gone"],
    async make(client, { kept }, { move }) {
      const { body } = itemOf(kept, move);
      await abandon(client.connect(), Buffer.concat([headOf(body), body.subarray(0, 5000)]), slowness);
      return "gone";
    },
  },
  {
    name: "headers that come slowly",
    share: 3,
    outcomes: ["200"],
    make: async (client) => {
      const pieces = ["GET /versions HTTP/1.1\r\nHo", "st: any\r\nConnection: cl", "ose\r\n\r\n"];
      return String(await dribble(client.connect(), pieces, slowness));
    },
  },
  {
    name: "headers that never end",
    share: 4,
    outcomes: ["gone"],
    async make(client) {
      await abandon(client.connect(), "GET /versions HTTP/1.1\r\nHost: any\r\nX-Lo", slowness);
      return "gone";
    },
  },
  {
    name: "something else than HTTP",
    share: 5,
    outcomes: ["400"],
    make: async (client) => String(await dribble(client.connect(), ["EHLO example.org\r\n\r\n"], 0)),
  },
  {
    name: "a zip",
    share: 120,
    outcomes: ["200"],
    make: async (client, { zip }) => outcomeOf(await client.ask(zip.path), zip.bytes),
  },
  {
    name: "a part of a zip",
    share: 60,
    outcomes: ["206"],
    async make(client, { zip }, { move }) {
      const from = move % zip.bytes.length;
      const part = zip.bytes.subarray(from, from + 1000);
      const headers = { Range: `bytes=${from}-${from + part.length - 1}` };
      return outcomeOf(await client.ask(zip.path, { headers }), part);
    },
  },
  {
    name: "what a zip is",
    share: 40,
    outcomes: ["200"],
    async make(client, { zip }) {
      const reply = await client.ask(zip.path, { method: "HEAD" });
      const told = Number(reply.headers["content-length"]);
      return told === zip.bytes.length ? outcomeOf(reply) : `${reply.status}, ${told} bytes long`;
    },
  },
  {
    name: "a zip if it changed",
    share: 50,
    outcomes: ["304"],
    async make(client, { zip }) {
      const { headers } = await client.ask(zip.path, { method: "HEAD" });
      return outcomeOf(await client.ask(zip.path, { headers: { "If-None-Match": headers.etag ?? "" } }));
    },
  },
  {
    name: "a download that is broken off",
    share: 12,
    outcomes: ["gone"],
    async make(client, { large }) {
      const socket = client.connect();
      socket.write(get(large.path));
      await once(socket, "data");
      socket.destroy();
      return "gone";
    },
  },
  {
    name: "a download that is read slowly",
    share: 3,
    outcomes: ["200"],
    async make(client, { large }) {
      const socket = client.connect();
      socket.write(get(large.path));
      await once(socket, "readable");
      await sleep(4 * slowness);
      const answer = await readAll(socket);
      const whole = answer.subarray(answer.indexOf("\r\n\r\n") + 4).equals(large.bytes);
      return whole ? String(statusOf(answer)) : `${statusOf(answer)}, not whole`;
    },
  },
  { name: "statistics", share: 20, outcomes: ["200"], make: (client) => get200(client, "/stats") },
  { name: "versions", share: 30, outcomes: ["200"], make: (client) => get200(client, "/versions") },
  { name: "all layouts", share: 10, outcomes: ["200"], make: (client) => get200(client, "/layouts") },
  {
    name: "a layout",
    share: 30,
    outcomes: ["200"],
    make: (client) => get200(client, "/layouts/Demo-Standard.json"),
  },
  {
    name: "readiness",
    share: 12,
    outcomes: ["200"],
    make: async (client) => String((await client.ask("/readyz")).status),
  },
  {
    name: "a page that is not there",
    share: 15,
    outcomes: ["404 not-found"],
    make: async (client) => outcomeOf(await client.ask("/tmp/../../etc/passwd")),
  },
  {
    name: "a method that is not there",
    share: 5,
    outcomes: ["405 method-not-allowed"],
    make: async (client) => outcomeOf(await client.ask("/stats", { method: "DELETE" })),
  },
];

/** Those that are refused for what they are; larger ones may be refused for their size. */
const broken = badRequests
  .map(({ name, body, status, code }) => ({ name, bytes: body(), expected: `${status} ${code}` }))
  .filter(({ bytes }) => bytes.length < 100_000);

/** Of the demo board there is one version, which is taken whatever is asked for. */
const unknownVersion = demoRequest((document) => {
  document.header.Name = "K-Type";
  document.header.Base = "Plain";
}, "v9.9");

async function get200(client: LoadClient, path: string): Promise<string> {
  const reply = await client.ask(path);
  return reply.bytes.length > 0 ? outcomeOf(reply) : `${reply.status}, empty`;
}

export function post(client: LoadClient, body: Buffer): Promise<Reply> {
  return client.ask("/", { method: "POST", headers: { "Content-Type": "application/json" }, body });
}

/** What came of a request, in few words. @param expected bytes of the answer */
export function outcomeOf({ status, headers, bytes }: Reply, expected?: Buffer): string {
  if (status < 400) return expected?.equals(bytes) === false ? `${status}, not as expected` : String(status);
  const { code } = JSON.parse(bytes.toString()) as { code?: string };
  const advised = headers["retry-after"] !== undefined || (status !== 429 && status !== 503);
  return `${status} ${code}${advised ? "" : " without Retry-After"}`;
}

/** The same of a build that should succeed. */
export function builtOf(reply: Reply): string {
  if (reply.status !== 200) return outcomeOf(reply);
  const { success, reason } = JSON.parse(reply.bytes.toString()) as { success: boolean; reason?: string };
  return success ? "200" : `200, failed: ${reason}`;
}

function head(length: string): string {
  return `POST / HTTP/1.1\r\nHost: any\r\nConnection: close\r\nContent-Type: application/json\r\n${length}\r\n\r\n`;
}

function headOf(body: Buffer): Buffer {
  return Buffer.from(head(`Content-Length: ${body.length}`));
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n`;
}

/** The list again and again. */
function itemOf<T>(list: readonly T[], number: number): T {
  const item = list[number % list.length];
  if (item === undefined) throw new Error("the list is empty");
  return item;
}
