import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { cruise, type ICruiseResult } from "dependency-cruiser";
import extractConfiguration from "dependency-cruiser/config-utl/extract-depcruise-options";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const project = join(import.meta.dirname, "..");

/** Every rule that `src` of a directory breaks, as `rule: from -> to`, and the modules that were looked at. */
async function inspect(baseDir: string): Promise<{ broken: string[]; modules: string[] }> {
  const options = await extractConfiguration(join(project, ".dependency-cruiser.mjs"));
  const { output } = await cruise(["src"], { ...options, baseDir });
  const { summary, modules } = output as ICruiseResult;
  return {
    broken: summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
    modules: modules.map(({ source }) => source),
  };
}

describe("the sources", () => {
  it("keep to their floors and rooms", { timeout: 60_000 }, async () => {
    const { broken, modules } = await inspect(project);
    expect(broken).toEqual([]);
    expect(modules).toEqual(expect.arrayContaining(["src/main.ts", "src/layout/kll.ts", "src/errors.ts"]));
  });
});

describe("the rules", () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "kiisrv-architecture-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  function put(file: string, text: string): void {
    const path = join(directory, "src", file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }

  const fixtures: [rule: string, from: string, text: string, to: string][] = [
    ["only-downwards: ^src/errors\\.ts$", "errors.ts", 'import "./layout/a.ts";', "layout/a.ts"],
    ["only-downwards: ^src/layout/", "layout/a.ts", 'import type { b } from "../spec/b.ts";', "spec/b.ts"],
    ["only-downwards: ^src/spec/", "spec/a.ts", 'import "../firmware/b.ts";', "firmware/b.ts"],
    ["only-downwards: ^src/firmware/", "firmware/a.ts", 'import "../runner/b.ts";', "runner/b.ts"],
    ["only-downwards: ^src/runner/", "runner/a.ts", 'import "../build/b.ts";', "build/b.ts"],
    ["only-downwards: ^src/store/", "store/a.ts", 'import "../firmware/b.ts";', "firmware/b.ts"],
    ["only-downwards: ^src/build/", "build/a.ts", 'import type { b } from "../http/b.ts";', "http/b.ts"],
    ["only-downwards: ^src/backup/", "backup/a.ts", 'import "../build/b.ts";', "build/b.ts"],
    ["only-downwards: ^src/doctor/", "doctor/a.ts", 'import "../cli/b.ts";', "cli/b.ts"],
    ["only-downwards: ^src/http/", "http/a.ts", 'import "../cli/b.ts";', "cli/b.ts"],
    ["only-downwards: ^src/cli/", "cli/a.ts", 'import "../main.ts";', "main.ts"],
    ["no-circles", "layout/a.ts", 'import type { b } from "./b.ts";', "layout/b.ts"],
    ["configuration-at-the-top", "build/a.ts", 'import type { b } from "../config.ts";', "config.ts"],
    ["configuration-knows-nobody", "config.ts", 'import "./layout/b.ts";', "layout/b.ts"],
    ["every-module-has-a-floor", "main.ts", 'import "./helpers/b.ts";', "helpers/b.ts"],
    ["only-in-its-room: dockerode", "build/a.ts", 'import type Docker from "dockerode";', "dockerode"],
    ["only-in-its-room: koa", "build/a.ts", 'import type Koa from "koa";', "koa"],
    ["only-in-its-room: @koa", "cli/a.ts", 'import Router from "@koa/router";', "@koa/router"],
    ["only-in-its-room: better-sqlite3", "build/a.ts", 'import "better-sqlite3";', "better-sqlite3"],
    ["only-in-its-room: simple-git", "http/a.ts", 'import "simple-git";', "simple-git"],
    ["only-in-its-room: archiver", "build/a.ts", 'import "archiver";', "archiver"],
    ["only-in-its-room: tar-stream", "store/a.ts", 'import "tar-stream";', "tar-stream"],
  ];

  it.for(fixtures)("%s can be broken", { timeout: 60_000 }, async ([rule, from, text, to]) => {
    put(from, text);
    if (to.endsWith(".ts"))
      put(to, rule === "no-circles" ? 'import type { a } from "./a.ts";' : "export const b = 1;");
    const { broken } = await inspect(directory);
    const target = to.endsWith(".ts") ? `src/${to}` : to;
    expect(broken).toContain(`${rule}: src/${from} -> ${target}`);
  });
});
