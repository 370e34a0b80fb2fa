import { describe, expect, test } from "vitest";
import { bundle } from "../../src/cli/bundle.ts";
import { dispatch } from "../../src/cli/dispatch.ts";
import { configTemplate } from "../../src/config.ts";
import { temporaryDirectory } from "../support/app.ts";
import { bundleFile, tinyManifest, tinyMembers } from "../support/bundles.ts";

/** Runs the command; none of what is tried here asks the daemon. */
async function kiisrv(...args: string[]) {
  const output: string[] = [];
  const errors: string[] = [];
  const screen = { write: (text: string) => errors.push(text) };
  const code = await dispatch(["bundle", ...args], [bundle(() => import("../../src/bundling.ts"), screen)], {
    environment: { KIISRV_DATA: temporaryDirectory() },
    input: async () => Buffer.alloc(0),
    output: (line) => output.push(line),
    report: (line) => errors.push(line),
  });
  return { code, output: output.join("\n"), errors: errors.join("\n") };
}

describe("kiisrv bundle", () => {
  test("shows the manifest of a bundle", async () => {
    const { code, output } = await kiisrv("show", await bundleFile(tinyMembers()));
    expect([code, JSON.parse(output)]).toEqual([0, tinyManifest()]);
  });

  test("verifies a bundle, and names the member that is wrong", async () => {
    const members = tinyMembers();
    const good = await kiisrv("verify", await bundleFile(members));
    expect(good).toMatchObject({
      code: 0,
      output: expect.stringContaining("release 0.1.0-tiny, all 6 members"),
    });
    members.pop();
    const bad = await kiisrv("verify", await bundleFile(members));
    expect(bad).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/member blobs\/sha256\/\w+ is missing/),
    });
  });

  test.for([
    [[], "takes save, load, verify or show"],
    [["carry"], "cannot carry"],
    [["save"], "needs -o FILE"],
    [["save", "-o", "kiisrv.zip"], "ends in .tar.zst"],
    [["save", "-o", "kiisrv.tar", "--release", "a b"], "tag of an image"],
    [["save", "-o", "kiisrv.tar", "more"], "more"],
    [["load"], "load takes one bundle"],
    [["load", "a.tar", "b.tar"], "load takes one bundle"],
    [["show", "a.tar", "--into", "."], "--into"],
  ] as const)("called with %j is a mistake", async ([args, words]) => {
    const { code, errors } = await kiisrv(...args);
    expect(code).toBe(2);
    expect(errors).toContain(words);
    expect(errors).toContain("kiisrv bundle load FILE");
  });

  test("says which file is not there", async () => {
    expect(await kiisrv("load", "/nonesuch.tar.zst")).toMatchObject({
      code: 1,
      errors: expect.stringContaining("/nonesuch.tar.zst"),
    });
  });
});

test("the template of the configuration names each variable, commented out, at its default", () => {
  const lines = configTemplate().split("\n");
  expect(lines).toContain("#KIISRV_PORT=3001");
  expect(lines.filter((line) => line !== "" && !line.startsWith("#"))).toEqual([]);
});
