import { describe, expect, it } from "vitest";
import { jsonPath, Problem, type ProblemCode, problemStatus } from "../src/errors.ts";

describe("a JSON path", () => {
  it.for([
    [[], ""],
    [["config"], "config"],
    [["config", "matrix", 12, "layers", "1", "key"], "config.matrix[12].layers.1.key"],
    [[3, "a"], "[3].a"],
    [["a", ""], "a."],
    [["a", "__proto__"], "a.__proto__"],
  ] as const)("of %j is %j", ([keys, path]) => expect(jsonPath(...keys)).toBe(path));

  it("is cut, and never in the middle of a character", () => {
    const path = jsonPath("a", "💡".repeat(1_000_000));
    expect(path.length).toBeLessThanOrEqual(200);
    expect(path.isWellFormed()).toBe(true);
  });
});

describe("a problem", () => {
  it.for(Object.entries(problemStatus) as [ProblemCode, number][])("%s is answered %d", ([code, status]) => {
    expect(new Problem(code, "why").status).toBe(status);
    expect(status).toBeGreaterThanOrEqual(400);
  });

  it("carries what it was given", () => {
    const cause = new Error("inside");
    const complaints = [{ path: "config", message: "is missing" }];
    expect(new Problem("queue-full", "later", { complaints, retryAfter: 5, cause })).toMatchObject({
      message: "later",
      complaints,
      retryAfter: 5,
      cause,
    });
    expect(new Problem("internal", "why")).toMatchObject({ complaints: [], retryAfter: undefined });
    expect("cause" in new Problem("internal", "why")).toBe(false);
  });
});
