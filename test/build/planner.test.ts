import { copyFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { ImageCatalog } from "../../src/build/catalog.ts";
import { Planner } from "../../src/build/planner.ts";
import { families } from "../../src/firmware/families.ts";
import type { FirmwareVersion } from "../../src/firmware/versions.ts";
import { LayoutLibrary } from "../../src/layout/library.ts";
import { demoRequest, differentRequest, repositoryLayouts, temporaryDirectory } from "../support/app.ts";
import { context, versions } from "../support/documents.ts";
import { ScriptedRunner, toolchainImage } from "../support/scripted-runner.ts";

async function openPlanner(layouts = repositoryLayouts) {
  const runner = new ScriptedRunner();
  const catalog = new ImageCatalog(runner);
  await catalog.refresh();
  const table: FirmwareVersion[] = structuredClone(versions);
  const planner = new Planner({
    families,
    versions: () => table,
    library: new LayoutLibrary(layouts),
    catalog,
    limits: context.limits,
  });
  // As the service does before each plan; it notes the versions as they are.
  planner.recall(Buffer.from("nothing"));
  return { planner, runner, catalog, table };
}

function copiedLayouts() {
  const layouts = temporaryDirectory();
  const base = join(layouts, "Demo-Base.json");
  copyFileSync(join(repositoryLayouts, "Demo-Base.json"), base);
  return { layouts, base };
}

const body = demoRequest();

test("a body that was planned is remembered, without its spec", async () => {
  const { planner } = await openPlanner();
  expect(planner.recall(body)).toBeUndefined();
  const { spec, origins, ...summary } = planner.plan(body);
  expect(spec.image.digest).toBe("sha256:demo");
  expect(Object.keys(origins)).toEqual(spec.files.slice(0, -1).map(({ name }) => name));
  expect(planner.recall(Buffer.from(body))).toEqual(summary);
  expect(summary.key).toMatch(/^[0-9a-f]{64}$/);
});

test("a body that was refused is planned, and refused, again", async () => {
  const { planner } = await openPlanner();
  const bad = demoRequest(undefined, "v9");
  expect(() => planner.plan(bad)).toThrow(expect.objectContaining({ code: "unknown-version" }));
  expect(planner.recall(bad)).toBeUndefined();
});

test("what is remembered ends when the image changes or goes", async () => {
  const { planner, runner, catalog } = await openPlanner();
  const { key } = planner.plan(body);
  expect(planner.recall(body)).toBeDefined();
  runner.installed = [toolchainImage("demo", "sha256:other")];
  await catalog.refresh();
  expect(planner.recall(body)).toBeUndefined();
  expect(planner.plan(body).key).not.toBe(key);
  runner.installed = [];
  await catalog.refresh();
  expect(planner.recall(body)).toBeUndefined();
  expect(() => planner.plan(body)).toThrow(expect.objectContaining({ code: "image-missing" }));
});

test("what is remembered ends when the base layout changes or goes", async () => {
  const { layouts, base } = copiedLayouts();
  const { planner } = await openPlanner(layouts);
  const { key } = planner.plan(body);
  expect(planner.recall(body)).toBeDefined();
  utimesSync(base, new Date(1e12), new Date(1e12));
  expect(planner.recall(body)).toBeUndefined();
  expect(planner.plan(body).key).toBe(key);
  expect(planner.recall(body)?.key).toBe(key);
  rmSync(base);
  expect(planner.recall(body)).toBeUndefined();
  expect(() => planner.plan(body)).toThrow(expect.objectContaining({ code: "bad-layout" }));
});

test("what is remembered ends when the table of versions changes", async () => {
  const { planner, table } = await openPlanner();
  planner.plan(body);
  expect(planner.recall(body)).toBeDefined();
  const [demo] = table;
  if (!demo) throw new Error("a version");
  demo.container = "controller-057";
  expect(planner.recall(body)).toBeUndefined();
  expect(planner.plan(body).spec.image.name).toBe("kiisrv-controller-057");
});

test("the bodies asked for last are remembered, a bounded number", async () => {
  const { planner } = await openPlanner();
  planner.plan(body);
  const others = Array.from({ length: 2000 }, (_, number) => differentRequest(number));
  for (const [number, other] of others.entries()) {
    planner.plan(other);
    if (number % 100 === 0) expect(planner.recall(body)).toBeDefined();
  }
  expect(planner.recall(body)).toBeDefined();
  expect(planner.recall(others[0] ?? body)).toBeUndefined();
  expect(planner.recall(others.at(-1) ?? body)).toBeDefined();
}, 60_000);

test("a base layout that is broken is the server's fault, and shows no path", async () => {
  const { layouts, base } = copiedLayouts();
  writeFileSync(base, "{");
  const { planner } = await openPlanner(layouts);
  expect(() => planner.plan(body)).toThrow(
    expect.objectContaining({ code: "internal", message: expect.not.stringContaining(layouts) }),
  );
});

test("what is remembered of a body does not keep the body in memory", async () => {
  const { planner } = await openPlanner();
  setFlagsFromString("--expose-gc");
  const collectGarbage: () => void = runInNewContext("gc");
  const megabytes = () => {
    collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return (heapUsed + external) / 2 ** 20;
  };
  const before = megabytes();
  for (let number = 0; number < 100; number++) {
    const large = demoRequest((document) => {
      document.header.Layout = "NameOfSomeLength";
      document.notes = number + "x".repeat(2 ** 20);
    });
    planner.plan(large);
  }
  expect(megabytes() - before).toBeLessThan(50);
});
