import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { noteReplacements } from "../../src/backup/replacements.ts";
import { decide, isUnsettled, preparationName, settle } from "../../src/backup/swap.ts";
import { temporaryDirectory } from "../support/app.ts";
import { backUp } from "../support/backups.ts";
import { spawnScript } from "../support/child.ts";

const old = { "builds.db": "old", "builds.db-wal": "old", "stats.db": "old", "layouts/current": "old" };
const fresh = { "builds.db": "new", "config.db": "new", "layouts/current": "new" };
const others = { "lock.db": "lock", "notes.txt": "mine", "builds.db.v0.bak": "copy" };

function write(directory: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, ".."), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
}

/** A data directory with a new state prepared in it. */
function prepared(): { data: string; state: string } {
  const data = temporaryDirectory();
  write(data, { ...old, ...others });
  const state = join(data, preparationName("t"), "state");
  write(state, fresh);
  return { data, state };
}

function read(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    names.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(directory.length + 1), readFileSync(path, "utf8")];
    }),
  );
}

const aside = Object.fromEntries(
  Object.entries(old).map(([name, text]) => [`before-restore-t/${name}`, text]),
);
const after = { ...fresh, ...others, ...aside };

test("the new state takes the place of the old, which is kept", async () => {
  const { data, state } = prepared();
  await decide(data, state, "t");
  await settle(data);
  expect(read(data)).toEqual(after);
  expect(await isUnsettled(data)).toBe(false);
});

test("what was not decided before a crash never was", async () => {
  const { data } = prepared();
  await settle(data);
  expect(read(data)).toEqual({ ...old, ...others });
});

/** The renames of a restore, in order. */
const steps: [from: string, to: string][] = [
  [`${preparationName("t")}/state`, ".restore-ready-t"],
  ["builds.db", "before-restore-t/builds.db"],
  ["builds.db-wal", "before-restore-t/builds.db-wal"],
  ["layouts", "before-restore-t/layouts"],
  ["stats.db", "before-restore-t/stats.db"],
  [".restore-ready-t", ".restore-moving-t"],
  [".restore-moving-t/builds.db", "builds.db"],
  [".restore-moving-t/config.db", "config.db"],
  [".restore-moving-t/layouts", "layouts"],
];

test.each(steps.map((_, index) => index + 1))(
  "a crash after %i renames: the next start carries it through",
  async (done) => {
    const { data } = prepared();
    for (const [from, to] of steps.slice(0, done)) {
      mkdirSync(join(data, to, ".."), { recursive: true });
      renameSync(join(data, from), join(data, to));
    }
    expect(await isUnsettled(data)).toBe(true);
    await settle(data);
    expect(read(data)).toEqual(after);
  },
);

test.each([0, 1, 2])(
  "files elsewhere change with the state, also when a crash comes after %i of them",
  async (done) => {
    const { data, state } = prepared();
    const elsewhere = temporaryDirectory();
    const path = (name: string) => join(elsewhere, name);
    write(elsewhere, { "A.json": "old", "A.json.new": "new", "B.zip.new": "new" });
    await noteReplacements(state, [
      {
        from: path("A.json.new"),
        to: path("A.json"),
        keep: join(data, "before-restore-t/own-layouts/A.json"),
      },
      { from: path("B.zip.new"), to: path("B.zip") },
    ]);
    expect(read(elsewhere)).toEqual({ "A.json": "old", "A.json.new": "new", "B.zip.new": "new" });
    await decide(data, state, "t");
    write(data, done > 0 ? { "before-restore-t/own-layouts/A.json": "old" } : {});
    for (const name of ["A.json", "B.zip"].slice(0, done)) renameSync(path(`${name}.new`), path(name));
    await settle(data);
    expect(read(elsewhere)).toEqual({ "A.json": "new", "B.zip": "new" });
    expect(read(data)).toEqual({ ...after, "before-restore-t/own-layouts/A.json": "old" });
  },
);

test("what an operator removed after a crash is no obstacle", async () => {
  const { data, state } = prepared();
  const elsewhere = temporaryDirectory();
  write(elsewhere, { "A.json.new": "new" });
  const [from, to] = [join(elsewhere, "A.json.new"), join(elsewhere, "A.json")];
  await noteReplacements(state, [
    { from, to, keep: join(data, "before-restore-t/own-layouts/A.json") },
    { from: join(elsewhere, "gone/B.zip.new"), to: join(elsewhere, "gone/B.zip") },
  ]);
  await decide(data, state, "t");
  await settle(data);
  expect(read(elsewhere)).toEqual({ "A.json": "new" });
  expect(await isUnsettled(data)).toBe(false);
});

test("what a crash left half way is not backed up", async () => {
  const { data } = prepared();
  renameSync(join(data, preparationName("t"), "state"), join(data, ".restore-ready-t"));
  await expect(backUp(data)).rejects.toThrow(/broken off half way; start the server/);
});

test("kill -9 at any time leaves the one or the other", async () => {
  for (let delay = 0; delay < 10; delay += 1) {
    const { data, state } = prepared();
    const sample = join(temporaryDirectory(), "sample");
    cpSync(data, sample, { recursive: true });
    const child = spawnScript(`
      import { decide, settle } from "./src/backup/swap.ts";
      process.stdout.write("ready");
      await decide(${JSON.stringify(data)}, ${JSON.stringify(state)}, "t");
      await settle(${JSON.stringify(data)});
    `);
    const gone = once(child, "exit");
    await once(child.stdout, "data");
    const until = performance.now() + delay / 2;
    while (performance.now() < until);
    child.kill("SIGKILL");
    await gone;
    await settle(data);
    const isNew = existsSync(join(data, "config.db"));
    expect(read(data)).toEqual(isNew ? after : { ...old, ...others });
  }
});
