import { expect, test } from "vitest";
import { readOutcome, summarize } from "../../src/build/outcome.ts";
import { planBuild } from "../../src/build/plan.ts";
import type { RunResult } from "../../src/runner/runner.ts";
import { context, demoDocument, request } from "../support/documents.ts";

const { spec, origins } = planBuild(request(demoDocument()), context);
const failed: RunResult = {
  status: "failed",
  reason: "The build ended with exit status 1.",
  exitCode: 1,
  outputs: [],
  log: "compiling\nDemo-Tiny-0.kll:1:1: error: bad name\nDemo-Tiny-0.kll:3: error: bad layout\nmake: *** [all] Error 1\n",
  milliseconds: 1,
};

test("a failure that can be traced is told by its first complaint", () => {
  const outcome = readOutcome(failed, spec, origins);
  expect(outcome).toEqual({
    reason: "config.header.Name: bad name (and 1 more)",
    errors: [
      { path: "config.header.Name", message: "bad name" },
      { path: "config.header.Layout", message: "bad layout" },
    ],
    size: null,
  });
  expect(summarize(outcome)).toEqual([
    "What is wrong with the layout:",
    "  config.header.Name: bad name",
    "  config.header.Layout: bad layout",
  ]);
});

test("one that cannot is told by the line of the log that says most", () => {
  const outcome = readOutcome({ ...failed, log: "one\nmain.c:1: error: two\nthree\n" }, spec, origins);
  expect(outcome).toEqual({ reason: "main.c:1: error: two", errors: [], size: null });
  expect(summarize(outcome)).toEqual(["Why this build failed: main.c:1: error: two"]);
});

test("one with an empty log, by the runner", () => {
  expect(readOutcome({ ...failed, log: "" }, spec, origins).reason).toBe(failed.reason);
});

test("one of a build that believes it succeeded, by the runner", () => {
  const reason = "Output kiibohd.dfu.bin is missing.";
  const log = "ERROR: /build/Demo-Tiny-0.kll\nerror: 0 errors\n";
  expect(readOutcome({ ...failed, exitCode: 0, reason, log }, spec, origins).reason).toBe(reason);
});

test.each(["timed-out", "limit-exceeded"] as const)(
  "one that was %s says nothing of the layout",
  (status) => {
    const reason = "It was stopped.";
    expect(readOutcome({ ...failed, status, reason }, spec, origins)).toEqual({
      reason,
      errors: [],
      size: null,
    });
  },
);

test("a success is no failure, whatever its log says", () => {
  const outcome = readOutcome({ ...failed, status: "succeeded", exitCode: 0, reason: "" }, spec, origins);
  expect(outcome).toEqual({ reason: "", errors: [], size: null });
  expect(summarize(outcome)).toEqual([]);
});
