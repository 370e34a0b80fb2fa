import { randomUUID } from "node:crypto";
import type { PublicFacts } from "../facts.ts";
import { messageOf } from "../text.ts";
import { bounded, isAlive } from "./port.ts";

/** Asks a server at the address that clients use, if one was named. */
export async function lookFromOutside(url: string | undefined, signal: AbortSignal): Promise<PublicFacts> {
  if (url === undefined) return { url: null, error: null, requestIdKept: false };
  const base = url.replace(/\/+$/, "");
  const id = randomUUID();
  try {
    const answer = await fetch(`${base}/healthz`, { signal, headers: { "X-Request-Id": id } });
    const alive = isAlive(await bounded(answer));
    const error = alive ? null : `answers ${answer.status}, and is no kiisrv`;
    return { url: base, error, requestIdKept: answer.headers.get("x-request-id") === id };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { url: base, error: messageOf(error), requestIdKept: false };
  }
}
