import type { Block, Page } from "./page.ts";

/** What a session finds on this machine. */
export interface Surroundings {
  /** The port that stands for 3001. */
  port: number;
  /** How Compose is called here: `docker compose` or `docker-compose`. */
  compose: string;
  /** Whether blocks are run that take long, or need images that not every checkout has. */
  heavy: boolean;
}

/** The commands of a page as one shell script, and the blocks that are left out, each with the reason. */
export interface Session {
  script: string;
  ran: number;
  left: { line: number; why: string }[];
}

/** Written before each block, so that a failure can be told of its line. */
export const marker = "::line ";

/**
 * Puts together what a reader of the page types. The word after a fence's `sh` says how a block is taken:
 * none: run, `serves`: a server that stays (the one before is stopped), `stopped`: run without that server, `heavy` (alone or before
 * another word): run when asked for, `not-here: why`: not run.
 *
 * @throws Error about a fence that says anything else
 */
export function session({ path, blocks }: Page, surroundings: Surroundings): Session {
  const parts = [prologue];
  const left: Session["left"] = [];
  for (const block of blocks.filter(({ language }) => language === "sh")) {
    const why = reasonToLeave(block, surroundings, path);
    if (why !== null) {
      left.push({ line: block.line, why });
      continue;
    }
    const text = translated(block.text, surroundings);
    parts.push(`echo '${marker}${block.line}'`, taken(block, text, surroundings.port));
  }
  return { script: `${parts.join("\n")}\n`, ran: (parts.length - 1) / 2, left };
}

function taken({ info }: Block, text: string, port: number): string {
  if (info.endsWith("serves")) return served(text, port);
  return info.endsWith("stopped") ? `stop_server\n${text}` : text;
}

function reasonToLeave({ info, line }: Block, { heavy }: Surroundings, path: string): string | null {
  const [, why] = /^not-here: (.+)$/.exec(info) ?? [];
  if (why !== undefined) return why;
  if (!/^(?:heavy)?(?:(?:^| )(?:serves|stopped))?$/.test(info))
    throw new Error(`${path}:${line}: no such word: ${info}`);
  return info.startsWith("heavy") && !heavy ? "heavy" : null;
}

/** Ports and Compose are the reader's; here others may be in use. */
function translated(text: string, { port, compose }: Surroundings): string {
  return text.replace(/\b3001\b/g, String(port)).replace(/\bdocker compose\b/g, compose);
}

function served(text: string, port: number): string {
  return `stop_server
( ${text}
) >server.log 2>&1 &
server=$!
for _ in $(seq 300); do
  if curl -sf localhost:${port}/healthz >/dev/null; then break; fi
  kill -0 "$server"
  sleep 0.1
done`;
}

const prologue = `set -eu
set -m
server=
stop_server() {
  if [ -z "$server" ]; then return; fi
  kill -TERM -- "-$server" 2>/dev/null || true
  wait "$server" || true
  server=
}
leave() {
  status=$?
  stop_server
  for job in $(jobs -p); do kill -TERM -- "-$job" 2>/dev/null || true; done
  if [ "$status" != 0 ] && [ -f server.log ]; then tail -n 20 server.log; fi
  exit "$status"
}
trap leave EXIT`;
