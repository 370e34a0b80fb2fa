import { once } from "node:events";
import { createServer } from "node:net";
import type { PortFacts } from "../facts.ts";

const anywhere = ["", "0.0.0.0", "::", "[::]"];

/**
 * Finds out who has the server's port, by asking there and by listening on it for a moment.
 * @param signal ends the question
 */
export async function lookAtPort(host: string, port: number, signal: AbortSignal): Promise<PortFacts> {
  const [spare, ipv6] = await Promise.all([listenOnce("", 0), listenOnce("::", 0)]);
  const common = { ipv6: typeof ipv6 === "number", spare: typeof spare === "number" ? spare : 0 };
  const answer = port === 0 ? null : await ask(host, port, signal);
  if (answer === "kiisrv") return { ...common, state: "kiisrv", detail: "" };
  // Somebody there who does not answer us: listening tells.
  const bound = await listenOnce(host, port);
  if (typeof bound === "number") return { ...common, state: "free", detail: "" };
  const state = bound.includes("EADDRINUSE") ? "taken" : "refused";
  return { ...common, state, detail: state === "taken" ? "another program has it" : bound };
}

/** @returns the port; or why nobody can listen there */
async function listenOnce(host: string, port: number): Promise<number | string> {
  const server = createServer();
  const place = host === "" ? { port } : { host: host.replace(/^\[|\]$/g, ""), port };
  try {
    server.listen(place);
    await once(server, "listening");
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  } catch (error) {
    if (error instanceof Error && "code" in error) return error.message;
    throw error;
  } finally {
    server.close();
  }
}

async function ask(host: string, port: number, signal: AbortSignal): Promise<"kiisrv" | null> {
  const name = anywhere.includes(host)
    ? "localhost"
    : host.includes(":") && !host.startsWith("[")
      ? `[${host}]`
      : host;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(1500)]);
  try {
    const answer = await fetch(`http://${name}:${port}/healthz`, { signal: limit, redirect: "manual" });
    return isAlive(await bounded(answer)) ? "kiisrv" : null;
  } catch (error) {
    // Nobody there, no HTTP, or no answer: in each case it is not ours.
    if (error instanceof Error) return null;
    throw error;
  }
}

/** An answer of ours has a few bytes; of somebody else's no more than that is read. */
export async function bounded(answer: Response, most = 4096): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > most) break;
  }
  return text;
}

/** Whether that is what `/healthz` says. */
export function isAlive(text: string): boolean {
  return /^\{\s*"status"\s*:\s*"alive"/.test(text);
}
