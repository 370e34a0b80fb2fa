import type { Facts } from "./facts.ts";

/** `warn`: it works, and may not for long or not as meant. `skip`: it could not be looked at, for a reason said elsewhere. */
export type Status = "ok" | "warn" | "fail" | "skip";

/** What a check says of the facts. */
export interface Finding {
  status: Status;
  /** One line, with this host's values. */
  found: string;
  /** What to do: a command or a line to paste, with this host's values; only of what is not fine. */
  mend?: string;
}

export const groups = {
  configuration: "Configuration",
  daemon: "Container daemon",
  images: "Toolchain images",
  paths: "Paths into containers",
  sandbox: "Sandbox of builds",
  storage: "Storage",
  databases: "Databases",
  layouts: "Layouts",
  network: "Network",
  machine: "Machine",
} as const;

export type Group = keyof typeof groups;

/** One thing that may be wrong: what is looked at, why it matters, and a pure judgement over facts. */
export interface Check {
  /** Stable, `group.word`. */
  id: string;
  group: Group;
  title: string;
  /** What goes wrong if it is not fine. */
  why: string;
  needs: readonly (keyof Facts)[];
  judge(facts: Facts): Finding;
}

/** A check whose judgement sees nothing but the facts it says it needs. */
export function check<Need extends keyof Facts>(
  parts: Omit<Check, "needs" | "judge" | "group"> & {
    needs: readonly Need[];
    judge(facts: Pick<Facts, Need>): Finding;
  },
): Check {
  const [group] = parts.id.split(".");
  if (!isGroup(group)) throw new RangeError(`no group of checks: ${parts.id}`);
  return { ...parts, group };
}

function isGroup(name: string | undefined): name is Group {
  return name !== undefined && Object.hasOwn(groups, name);
}

export function ok(found: string): Finding {
  return { status: "ok", found };
}

export function warn(found: string, mend: string): Finding {
  return { status: "warn", found, mend };
}

export function fail(found: string, mend: string): Finding {
  return { status: "fail", found, mend };
}

export function skip(found: string): Finding {
  return { status: "skip", found };
}
