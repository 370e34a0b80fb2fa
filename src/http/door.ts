import { createSecretKey } from "node:crypto";
import type { RequestListener, Server } from "node:http";
import type { Logger } from "pino";
import type { AuditLog } from "../store/audit.ts";
import type { KeyStore } from "../store/keys.ts";
import type { CallerParts, RequiredKey } from "./callers.ts";
import { Draining } from "./draining.ts";
import { createListener } from "./listener.ts";
import { type TrustedProxies, trustIn } from "./proxies.ts";
import { Budget, type Rates } from "./rates.ts";
import { Refusals } from "./refusals.ts";
import { identifyRequester } from "./requester.ts";

/** How the server is guarded; 0 is no limit. */
export interface DoorOptions {
  trustedProxies: TrustedProxies;
  requireKey: RequiredKey;
  /** Requests and new layouts a minute, and builds an hour, of one caller. */
  rateRequests: number;
  rateLayouts: number;
  rateBuilds: number;
  /** Open at once. */
  connections: number;
  /** Of one caller; and requests under way. */
  connectionsPerClient: number;
  /** How long browsers that came by TLS are to come by nothing else, seconds; 0: not told. */
  hstsSeconds: number;
  /** Store addresses as they are. */
  rawAddresses: boolean;
}

export interface DoorParts {
  keys: KeyStore;
  audit: AuditLog;
  /** Keys the hash of addresses. */
  secret: Buffer;
  logger: Logger;
}

export interface Door extends Pick<DoorOptions, "trustedProxies" | "connectionsPerClient" | "hstsSeconds"> {
  callers: CallerParts;
  rates: Rates;
  draining: Draining;
  /** Makes the server that takes connections for an application; does not listen. */
  createServer(answer: RequestListener): Server;
  /** Writes down the last refusals. */
  close(): void;
}

/** Puts together what stands between strangers and the application. */
export function createDoor(options: DoorOptions, { keys, audit, secret, logger }: DoorParts): Door {
  const { trustedProxies, requireKey, rawAddresses, connections, connectionsPerClient, hstsSeconds } =
    options;
  const refusals = new Refusals({ audit, logger });
  const requester = { secret: createSecretKey(secret), rawAddresses };
  const isTrusted = trustIn(trustedProxies);
  return {
    trustedProxies,
    connectionsPerClient,
    hstsSeconds,
    callers: { keys, requester, requireKey, refusals, audit },
    draining: new Draining(),
    rates: {
      requests: new Budget(options.rateRequests, 60),
      layouts: new Budget(options.rateLayouts, 60),
      builds: new Budget(options.rateBuilds, 3600),
      refusals,
    },
    createServer: (answer) =>
      createListener(answer, {
        most: connections,
        perClient: connectionsPerClient,
        isProxy: (address) => isTrusted(address, 0),
        onRefused(address, why) {
          const { client } = identifyRequester(address, "", requester);
          refusals.note("connection-refused", `client ${client}`, why);
        },
      }),
    close: () => refusals.close(),
  };
}
