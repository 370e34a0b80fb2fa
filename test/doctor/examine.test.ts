import { describe, expect, test } from "vitest";
import { check, ok, warn } from "../../src/doctor/check.ts";
import { examine, tally } from "../../src/doctor/examine.ts";
import type { Facts } from "../../src/doctor/facts.ts";
import { type GatheredFacts, gather, NotLookedAt, type Probes } from "../../src/doctor/gather.ts";
import { printReport } from "../../src/doctor/print.ts";
import { healthy } from "../support/facts.ts";

const git = check({
  id: "machine.git",
  title: "git is there",
  why: "It is needed.",
  needs: ["process"],
  judge: ({ process }) => (process.git === null ? warn("none", "install it") : ok(process.git)),
});

const patience = { look: 50, tidy: 50 };
const never = new AbortController().signal;

/** Probes that find all well, but for some. */
function probes(changes: Partial<Probes> = {}): Probes {
  const names = Object.keys(healthy) as (keyof Facts)[];
  const fine = Object.fromEntries(names.map((name) => [name, async () => healthy[name]]));
  return { ...(fine as unknown as Probes), ...changes };
}

async function gathered(changes: Partial<Probes>): Promise<GatheredFacts> {
  return gather(probes(changes), patience, never);
}

describe("what cannot be looked at", () => {
  test("fails when nobody knows why", async () => {
    const facts = await gathered({ process: () => Promise.reject(new Error("no /proc")) });
    expect(examine([git], facts)).toMatchObject([
      { status: "fail", found: expect.stringContaining("no /proc") },
    ]);
  });

  test("is skipped when another check tells why", async () => {
    const facts = await gathered({ process: () => Promise.reject(new NotLookedAt("the daemon is away")) });
    expect(examine([git], facts)).toMatchObject([{ status: "skip", found: "the daemon is away" }]);
  });

  test("holds up nothing when it hangs", async () => {
    const facts = await gathered({ directories: () => new Promise(() => undefined) });
    expect(facts.directories).toMatchObject({
      state: "failed",
      reason: expect.stringContaining("no answer"),
    });
    expect(facts.process).toEqual({ state: "known", value: healthy.process });
  });

  test("is told to end, and has time to clear up", async () => {
    let cleared = false;
    const facts = await gathered({
      rehearsal: (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            cleared = true;
            reject(new Error("ended"));
          });
        }),
    });
    expect(cleared).toBe(true);
    expect(facts.rehearsal).toMatchObject({ state: "failed", reason: "ended" });
  });
});

test("a check that fails itself is one that failed", async () => {
  const broken = {
    ...git,
    judge: () => {
      throw new Error("no such thing");
    },
  };
  expect(examine([broken, git], await gathered({}))).toMatchObject([
    { status: "fail", found: expect.stringContaining("no such thing") },
    { status: "ok" },
  ]);
});

test("texts of others do not reach the terminal as they are", async () => {
  const process = { ...healthy.process, git: "\u001b[2Jgit\u202e\u0007\nversion" };
  const [one] = examine([git], await gathered({ process: async () => process }));
  expect(one?.found).toBe("\ufffd[2Jgit\ufffd\ufffd version");
});

describe("the report", () => {
  async function report(options: { verbose?: boolean; colour?: boolean }) {
    const facts = await gathered({ process: async () => ({ ...healthy.process, git: null }) });
    const fine = { ...git, id: "machine.fine", judge: () => ok("as it should be") };
    const examined = examine([git, fine], facts);
    expect(tally(examined)).toEqual({ ok: 1, warn: 1, fail: 0, skip: 0 });
    return printReport(examined, { verbose: false, colour: false, ...options });
  }

  test("explains what is not fine, and that alone", async () => {
    const text = await report({});
    expect(text).toContain("mend:  install it");
    expect(text).not.toContain("as it should be");
    expect(text).not.toContain("\u001b");
    expect(text).toMatch(/2 checks: 1 fine, 1 to look at, 0 failed, 0 not looked at$/);
  });

  test("explains all when asked to", async () => {
    expect(await report({ verbose: true })).toContain("as it should be");
  });

  test("has colours where they are wanted", async () => {
    expect(await report({ colour: true })).toContain("\u001b[33mwarn");
  });
});
