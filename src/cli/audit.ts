import { parseArgs } from "node:util";
import { readAccess } from "./access.ts";
import { type Command, usage } from "./command.ts";
import { readTime, showTime } from "./times.ts";

const options = {
  since: { type: "string" },
  limit: { type: "string", default: "1000" },
  json: { type: "boolean", default: false },
} as const;

/** `kiisrv audit`: what was done and refused, and by whom. */
export const audit: Command = {
  name: "audit",
  summary: "print what was done and refused: builds, keys, rate limits, acts of administrators",
  help: `kiisrv audit [--since WHEN] [--limit N] [--json]

  --since WHEN   a date (2026-11-21) or a span (24h, 7d) [all there is]
  --limit N      the newest N entries [1000]
  --json         one object a line`,

  async run(args, { environment, output }) {
    const { since, limit, json } = parseArgs({ args, options }).values;
    if (!/^\d{1,6}$/.test(limit)) throw usage("--limit takes a number up to 999999");
    const from = since === undefined ? 0 : readTime("--since", since, -1);
    const entries =
      readAccess(environment, (access) => access.audit.read({ since: from, limit: Number(limit) })) ?? [];
    for (const { time, event, who, what, count } of entries.reverse()) {
      if (json) output(JSON.stringify({ time: showTime(time), event, who, what, count }));
      else
        output(
          `${showTime(time)}  ${event.padEnd(18)}  ${who}  ${what}${count > 1 ? ` (${count} times)` : ""}`,
        );
    }
  },
};
