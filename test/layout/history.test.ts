import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { simpleGit } from "simple-git";
import { describe, expect, test, vi } from "vitest";
import { LayoutHistory } from "../../src/layout/history.ts";
import { temporaryDirectory } from "../support/app.ts";

// A busy machine may take its time.
vi.setConfig({ testTimeout: 30_000 });

interface Library {
  directory: string;
  history: LayoutHistory;
  git: ReturnType<typeof simpleGit>;
  /** Makes a commit of the files as they are; gives its hash. */
  commit(): Promise<string>;
  write(name: string, text: string | Buffer): void;
}

/** A library in a git repository of its own, or in a folder of one. */
async function openLibrary(folder = ""): Promise<Library> {
  const root = temporaryDirectory();
  const directory = join(root, folder);
  mkdirSync(directory, { recursive: true });
  const git = simpleGit(root, {
    config: ["user.name=Ada", "user.email=ada@example.org", "commit.gpgsign=false", "tag.gpgsign=false"],
  });
  await git.init(["--initial-branch=main"]);
  return {
    directory,
    history: new LayoutHistory(directory),
    git,
    async commit() {
      await git.add(".").commit("a change");
      return (await git.revparse("HEAD")).trim();
    },
    write: (name, text) => writeFileSync(join(directory, name), text),
  };
}

async function read({ history }: Library, rev: string, name = "Demo-Standard.json"): Promise<string> {
  return (await history.readAt(rev, name)).toString();
}

describe.for(["", "sub/layouts"])("a library in the folder '%s' of a repository", (folder) => {
  test("gives a layout as it was at a commit, whole or abbreviated, a tag, a branch", async () => {
    const library = await openLibrary(folder);
    library.write("Demo-Standard.json", '{"old":"ä"}\n');
    const old = await library.commit();
    await library.git.tag(["v1.0"]);
    await library.git.raw(["tag", "-a", "-m", "annotated", "v1.0-noted"]);
    await library.git.branch(["maintenance"]);
    library.write("Demo-Standard.json", '{"new":1}\n');
    await library.commit();
    for (const rev of [old, old.slice(0, 8), "v1.0", "v1.0-noted", "maintenance"]) {
      expect([rev, await read(library, rev)]).toEqual([rev, '{"old":"ä"}\n']);
    }
    for (const rev of ["main", "HEAD"]) expect(await read(library, rev)).toBe('{"new":1}\n');
  });

  test("follows an alias as it was then", async () => {
    const library = await openLibrary(folder);
    library.write("One.json", "1");
    library.write("Two.json", "2");
    symlinkSync("One.json", join(library.directory, "Alias.json"));
    const old = await library.commit();
    rmSync(join(library.directory, "Alias.json"));
    symlinkSync("Two.json", join(library.directory, "Alias.json"));
    await library.commit();
    expect(await read(library, old, "Alias.json")).toBe("1");
    expect(await read(library, "main", "Alias.json")).toBe("2");
  });

  test("has nothing of what was added later, or never", async () => {
    const library = await openLibrary(folder);
    library.write("First.json", "1");
    const old = await library.commit();
    library.write("Later.json", "2");
    await library.commit();
    for (const name of ["Later.json", "Never.json"]) {
      await expect(read(library, old, name)).rejects.toMatchObject({ code: "not-found" });
    }
    expect(await read(library, "main", "Later.json")).toBe("2");
  });

  test("never leaves its directory", async () => {
    const library = await openLibrary(folder);
    const outside = join(library.directory, "..", `outside-${process.pid}.json`);
    library.write("Demo-Standard.json", "{}");
    mkdirSync(join(library.directory, "folder.json"));
    library.write("folder.json/inner.json", "inner");
    const links = {
      "up.json": `../${outside.split("/").at(-1)}`,
      "absolute.json": "/etc/passwd",
      "inner.json": "folder.json/inner.json",
      "chain.json": "alias.json",
      "alias.json": "Demo-Standard.json",
      "loop.json": "loop.json",
      "folder-alias.json": "folder.json",
    };
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(library.directory, name));
    if (folder !== "") writeFileSync(outside, "secret");
    await library.commit();
    for (const name of [
      ...Object.keys(links).filter((link) => link !== "alias.json"),
      "folder.json",
      "../outside.json",
      "/etc/passwd",
      "folder.json/inner.json",
      ".git",
      "",
      ":(top)Demo-Standard.json",
      "*.json",
    ]) {
      const asked = read(library, "main", name);
      await expect(asked, name).rejects.toMatchObject({ code: "not-found" });
    }
    expect(await read(library, "main", "alias.json")).toBe("{}");
  });
});

test("a name with spaces is a name like any other", async () => {
  const library = await openLibrary();
  library.write("My own layout.json", "{}");
  await library.commit();
  expect(await read(library, "main", "My own layout.json")).toBe("{}");
});

describe("a revision", () => {
  test.for([
    "",
    "--help",
    "-h",
    "a..b",
    "main...v1",
    "main~1",
    "main^",
    "HEAD^{/x}",
    "HEAD@{1}",
    "@",
    ":/x",
    "main:Demo-Standard.json",
    "main\n",
    "main main",
    "main;ls",
    "$(ls)",
    "..",
    "a/../b",
    "ä",
    "x".repeat(101),
  ])("that is none is refused: %j", async (rev) => {
    const library = await openLibrary();
    library.write("Demo-Standard.json", "{}");
    await library.commit();
    await expect(read(library, rev)).rejects.toMatchObject({ code: "bad-request" });
  });

  test.for(["v9", "0000000", "f".repeat(40), "config", "HEAD.lock", "x.y"])(
    "that is not there is told: %s",
    async (rev) => {
      const library = await openLibrary();
      library.write("Demo-Standard.json", "{}");
      await library.commit();
      const asked = read(library, rev);
      await expect(asked).rejects.toMatchObject({ code: "not-found", message: expect.stringContaining(rev) });
      await expect(asked).rejects.not.toThrow(library.directory);
    },
  );

  test("that is no commit is not there", async () => {
    const library = await openLibrary();
    library.write("Demo-Standard.json", "{}");
    await library.commit();
    const blob = (await library.git.revparse("main:Demo-Standard.json")).trim();
    const tree = (await library.git.revparse("main^{tree}")).trim();
    for (const rev of [blob, tree]) {
      await expect(read(library, rev)).rejects.toMatchObject({ code: "not-found" });
    }
  });
});

test("many who ask at once are turned away, but for a few", async () => {
  const library = await openLibrary();
  library.write("Demo-Standard.json", "{}");
  await library.commit();
  const history = new LayoutHistory(library.directory);
  const asked = Array.from({ length: 30 }, () => history.readAt("main", "Demo-Standard.json"));
  const answers = await Promise.allSettled(asked);
  const refused = answers.flatMap((answer) => (answer.status === "rejected" ? [answer.reason] : []));
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThan(30);
  for (const reason of refused) expect(reason).toMatchObject({ code: "queue-full", retryAfter: 1 });
  expect((await history.readAt("main", "Demo-Standard.json")).toString()).toBe("{}");
});

test("a library that is no repository has no revisions", async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, "Demo-Standard.json"), "{}");
  await expect(new LayoutHistory(directory).readAt("main", "Demo-Standard.json")).rejects.toMatchObject({
    code: "not-found",
  });
});

test("an empty repository has none, either", async () => {
  const library = await openLibrary();
  await expect(read(library, "HEAD")).rejects.toMatchObject({ code: "not-found" });
});

test.runIf(process.getuid?.() === 0)("a library that belongs to somebody else can be read", async () => {
  const library = await openLibrary();
  library.write("Demo-Standard.json", "{}");
  await library.commit();
  const copy = join(temporaryDirectory(), "copy");
  cpSync(library.directory, copy, { recursive: true });
  execFileSync("chown", ["-R", "65534", copy]);
  expect((await new LayoutHistory(copy).readAt("main", "Demo-Standard.json")).toString()).toBe("{}");
});
