import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { pino } from "pino";
import { onTestFinished } from "vitest";
import { offeredVersions } from "../../src/build/offer.ts";
import { readinessChecks } from "../../src/build/readiness.ts";
import type { KnownProblem } from "../../src/doctor/checkup.ts";
import { createApp } from "../../src/http/app.ts";
import { createDoor, type DoorOptions } from "../../src/http/door.ts";
import { LayoutHistory } from "../../src/layout/history.ts";
import { LayoutListing } from "../../src/layout/listing.ts";
import { type House, type HouseOptions, openHouse } from "./app.ts";

export type ServerOptions = HouseOptions & Partial<DoorOptions> & { problems?: KnownProblem[] };

/** A door that stands open, so that a test is about what it is about. */
const open: DoorOptions = {
  trustedProxies: 0,
  requireKey: "none",
  rateRequests: 0,
  rateLayouts: 0,
  rateBuilds: 0,
  connections: 0,
  connectionsPerClient: 0,
  hstsSeconds: 0,
  rawAddresses: false,
};

export interface TestServer {
  house: House;
  url: string;
  port: number;
  /** What was logged so far, one object a line. */
  logged(): { msg: string; [more: string]: unknown }[];
}

/** The whole server as it is put together for real, but for its runner. It ends with the test. */
export async function openServer(options: ServerOptions = {}): Promise<TestServer> {
  const house = openHouse(options);
  const { service, artifacts, builds, library, versions, catalog, stats } = house;
  const { synced, keys, audit } = house;
  const history = new LayoutHistory(library.directory, synced);
  const listing = new LayoutListing(library);
  const lines: string[] = [];
  const logger = pino({ level: "debug" }, { write: (line) => lines.push(line) });
  const door = createDoor({ ...open, ...options }, { keys, audit, logger, secret: Buffer.from("secret") });
  onTestFinished(() => door.close());
  const app = createApp({
    logger,
    door,
    legacy: { service, audit },
    admin: { builds, audit, keys, queue: house.queue },
    artifacts: { find: (name) => artifacts.find(name), sha256: (name) => builds.artifact(name)?.sha256 },
    layouts: {
      read: (name) => library.read(name),
      readAt: (revision, name) => history.readAt(revision, name),
      list: () => listing.list(),
      source: () => synced.current()?.source ?? null,
    },
    versions: { offered: () => offeredVersions(versions, catalog) },
    stats,
    health: {
      checks: readinessChecks(builds, catalog, house.disk),
      problems: () => options.problems ?? null,
    },
  });
  const server = door.createServer(app.callback());
  server.listen(0);
  await once(server, "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return {
    house,
    url: `http://localhost:${port}`,
    port,
    logged: () => lines.map((line) => JSON.parse(line)),
  };
}

/** Writes bytes to a port as they are, and reads until the other side closes. */
export async function talk(port: number, ...chunks: (string | Buffer)[]): Promise<string> {
  const socket = connect(port, "localhost");
  onTestFinished(() => {
    socket.destroy();
  });
  let answer = "";
  socket.on("data", (data) => {
    answer += data;
  });
  const closed = once(socket, "close");
  for (const chunk of chunks) {
    if (!socket.write(chunk)) await Promise.race([once(socket, "drain"), closed]);
  }
  await closed;
  return answer;
}
