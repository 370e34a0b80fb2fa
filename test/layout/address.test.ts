import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readAddress, withoutCredentials } from "../../src/layout/address.ts";
import { temporaryDirectory } from "../support/app.ts";

describe("an address of layouts", () => {
  test.for([
    ["https://example.org/a/b", "https://example.org/a/b"],
    ["HTTPS://example.org/a", "https://example.org/a"],
    ["https://ada:s3cret@example.org/a?token=t#x", "https://example.org/a"],
    ["ssh://git@example.org/a", "ssh://git@example.org/a"],
    ["git://example.org/a", "git://example.org/a"],
    ["file:///srv/layouts", "file:///srv/layouts"],
    ["git@example.org:a/b.git", "git@example.org:a/b.git"],
  ] as const)("may be %s", ([from, shown]) => {
    expect(readAddress(from)).toEqual({ location: from, shown, kind: "git" });
  });

  test.for([
    "",
    "nonesuch",
    "ext::sh -c true",
    "ext://sh",
    "fd::17",
    "testgit::/tmp",
    "ftp://example.org/a",
    "-oProxyCommand=true:a",
    "--upload-pack=true",
    "-x://a",
    "ssh:// /",
    "https://",
    "https://example.org/\n",
  ])("is not %j", (from) => {
    expect(() => readAddress(from)).toThrow();
  });

  test("may be a plain directory, a repository with or without a work tree, or a file", () => {
    const root = temporaryDirectory();
    const at = (name: string) => join(root, name);
    mkdirSync(at("plain"));
    for (const name of ["work/.git", "bare/objects", "bare/refs"]) mkdirSync(at(name), { recursive: true });
    writeFileSync(at("bare/HEAD"), "");
    writeFileSync(at("bundle"), "");
    const kinds = ["plain", "work", "bare", "bundle"].map((name) => readAddress(at(name)).kind);
    expect(kinds).toEqual(["directory", "git", "git", "git"]);
  });

  test("keeps its credentials to itself, however git words them", () => {
    const address = readAddress("https://ada:p%40ss@example.org/a?token=t0ken");
    const said =
      "cannot access 'https://ada:p%40ss@example.org/a?token=t0ken': ada, p@ss, p%40ss, token=t0ken";
    const told = withoutCredentials(said, address);
    expect(told).toContain("'https://example.org/a'");
    for (const secret of ["ada", "p@ss", "p%40ss", "t0ken"]) expect(told).not.toContain(secret);
  });
});
