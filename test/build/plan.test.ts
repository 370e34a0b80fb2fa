import { describe, expect, it } from "vitest";
import { type Plan, planBuild } from "../../src/build/plan.ts";
import { parseBuildRequest } from "../../src/build/request.ts";
import { Problem } from "../../src/errors.ts";
import { badRequests } from "../support/badDocuments.ts";
import { body, context, type Document, demoDocument, request } from "../support/documents.ts";

function plan(bytes: Buffer): Plan {
  return planBuild(parseBuildRequest(bytes), context);
}

/** The problem that planning ends in; anything else that is thrown fails the test. */
function problemOf(bytes: Buffer): Problem {
  try {
    plan(bytes);
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error("the request was planned");
}

describe("a sound document", () => {
  it("becomes a spec with its files, its name and its key", () => {
    const { spec, key, name, version, kll } = plan(body(demoDocument()));
    expect(spec.image).toEqual({ name: "kiisrv-controller-demo", digest: "sha256:kiisrv-controller-demo" });
    expect(spec.command).toEqual(["demo.bash"]);
    expect(spec.environment).toEqual({
      DefaultMapOverride: "stdFuncMap Demo-Tiny-0",
      PartialMapsExpandedOverride: "Demo-Tiny-1",
      Layout: "two_keys",
    });
    expect(spec.files.map((file) => file.name)).toEqual([
      "Demo-Tiny-0.kll",
      "Demo-Tiny-1.kll",
      "Demo-Tiny.json",
    ]);
    expect(spec.files.slice(0, 2).map(({ text }) => text)).toEqual(kll.files.map(({ text }) => text));
    expect(spec.document).toBe("Demo-Tiny.json");
    expect(spec.limits).toEqual(context.limits);
    expect(name).toEqual({ board: "Demo", layout: "Tiny" });
    expect(version.name).toBe("demo");
    expect(key).toMatch(/^[0-9a-f]{64}$/);
  });

  it("goes into the zip character for character", () => {
    const text = JSON.stringify(demoDocument(), null, "\t").replace('"Ada"', '"\\u0041da"');
    const { spec } = plan(Buffer.from(`{"env" : "latest" , "config" :  ${text} }`));
    expect(spec.files.at(-1)).toEqual({ name: "Demo-Tiny.json", text });
  });

  it("is told what was left out", () => {
    const document = demoDocument();
    document.custom = { 9: "beyond" };
    expect(plan(body(document)).kll.warnings.map(({ path }) => path)).toEqual(["config.custom.9"]);
  });

  it("may be posted with a byte order mark and with unknown members", () => {
    const document = { ...demoDocument(), constructor: 1, more: { __proto__: null, deep: [] } };
    expect(plan(Buffer.from(`\ufeff${body(document)}`)).name.board).toBe("Demo");
  });

  it.for([
    ["latest", "current", "WhiteFox-Plain.json"],
    ["lts", "current", "WhiteFox-Plain.json"],
    ["v0.4", "legacy", "WhiteFox-Plain.lts.json"],
  ] as const)("of a version takes its dialect: %s is %s", ([env, dialect, baseFile]) => {
    const document = demoDocument();
    document.header.Name = "WhiteFox";
    const planned = planBuild(request(document, env), context);
    expect(planned.baseFile).toBe(baseFile);
    expect(planned.kll.files[0]?.text.includes("A[wave]")).toBe(dialect === "current");
    const legacy = planBuild({ ...request(document, env), dialect: "legacy" }, context);
    expect(legacy.baseFile).toBe("WhiteFox-Plain.lts.json");
    expect(legacy.kll.files[0]?.text).not.toContain("A[wave]");
  });

  it("takes the default version where none is asked for", () => {
    expect(parseBuildRequest(Buffer.from(`{"config":${JSON.stringify(demoDocument())}}`)).version).toBe(
      "latest",
    );
  });
});

describe("a request that must be refused", () => {
  it("has a name of its own", () => {
    expect(badRequests.length).toBeGreaterThanOrEqual(60);
    expect(new Set(badRequests.map(({ name }) => name)).size).toBe(badRequests.length);
  });

  it.for(badRequests.filter((bad) => !bad.oversized))("$name", ({ body: bytes, status, code, path }) => {
    const problem = problemOf(bytes());
    expect({ code: problem.code, status: problem.status }).toEqual({ code, status });
    if (path !== undefined) expect([...new Set(problem.complaints.map((told) => told.path))]).toEqual([path]);
    for (const { message } of problem.complaints) expect(message).toMatch(/\S/);
    expect(JSON.stringify(problem.complaints).length + problem.message.length).toBeLessThan(10_000);
  });
});

describe("several mistakes", () => {
  it("are told all at once", () => {
    const document = demoDocument();
    document.header.Name = "Nonesuch";
    document.defines = [{ name: "a", value: 'b"c' }];
    document.leds = "none";
    Object.assign(document.matrix[1] ?? {}, { code: 7, layers: { "01": { key: 'A"' } } });
    const text = body(document).toString().replace('"free text"', '"a","1":"b"');
    expect(problemOf(Buffer.from(text)).complaints.map(({ path }) => path)).toEqual([
      "config.custom.1",
      "config.matrix[1].code",
      "config.matrix[1].layers.01",
      "config.matrix[1].layers.01.key",
      "config.defines[0].value",
      "config.leds",
      "config.header.Name",
    ]);
  });

  it("include a missing base and a matrix too long for its base", () => {
    const document = demoDocument();
    document.custom = { x: "" };
    document.header.Base = "Nonesuch";
    expect(paths(document)).toEqual(["config.custom.x", "config.header.Base"]);
    document.header.Base = "Plain";
    document.matrix = [...document.matrix, ...document.matrix];
    expect(paths(document)).toEqual(["config.custom.x", "config.matrix[3]"]);
  });

  it("include every key of the base without layer 0", () => {
    const document = demoDocument();
    document.header.Base = "Holes";
    expect(paths(document)).toEqual(["config.matrix[0]", "config.matrix[1]"]);
  });

  it("say no more than helps", () => {
    const document = demoDocument();
    document.matrix = Array.from({ length: 5000 }, () => ({ code: 1, layers: {} }));
    const { complaints } = problemOf(body(document));
    expect(complaints.length).toBeLessThan(110);
    expect(complaints).toContainEqual({ path: "config", message: "and more mistakes" });
  });
});

function paths(document: Document): string[] {
  return problemOf(body(document)).complaints.map(({ path }) => path);
}
