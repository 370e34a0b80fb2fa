import { type Check, type Finding, fail, type Group, type Status, skip } from "./check.ts";
import type { Facts } from "./facts.ts";
import type { Gathered, GatheredFacts } from "./gather.ts";
import { messageOf, oneLine, printable } from "./text.ts";

/** A check and what it found, as `kiisrv doctor --json` prints it. */
export interface Examined {
  id: string;
  group: Group;
  title: string;
  status: Status;
  found: string;
  why: string;
  /** Empty where there is nothing to mend. */
  mend: string;
}

/** Judges what was gathered. Texts of others in it are made fit for a terminal here. */
export function examine(checks: readonly Check[], gathered: GatheredFacts): Examined[] {
  return checks.map((check) => {
    const { status, found, mend = "" } = judge(check, gathered);
    const { id, group, title, why } = check;
    return { id, group, title, status, found: oneLine(found, 600), why, mend: printable(mend) };
  });
}

function judge(check: Check, gathered: GatheredFacts): Finding {
  const facts: Partial<Record<keyof Facts, unknown>> = {};
  for (const need of check.needs) {
    const fact: Gathered<unknown> = gathered[need];
    if (fact.state === "known") facts[need] = fact.value;
    else return fact.state === "skipped" ? skip(fact.reason) : unknown(fact.reason);
  }
  try {
    return check.judge(facts as Facts);
  } catch (error) {
    return unknown(messageOf(error));
  }
}

function unknown(reason: string): Finding {
  return fail(
    `it cannot be found out: ${reason}`,
    "mend that, then run kiisrv doctor again; a file system or a daemon that hangs shows in: sudo dmesg | tail",
  );
}

/** How many there are of each status. */
export function tally(examined: readonly Examined[]): Record<Status, number> {
  const count = { ok: 0, warn: 0, fail: 0, skip: 0 };
  for (const { status } of examined) count[status] += 1;
  return count;
}
