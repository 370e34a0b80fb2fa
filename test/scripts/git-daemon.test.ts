import { existsSync } from "node:fs";
import { join } from "node:path";
import { simpleGit } from "simple-git";
import { describe, expect, it } from "vitest";
import { openSources } from "../../scripts/images/sources.ts";
import { temporaryDirectory } from "../support/app.ts";
import { Upstream } from "../support/upstream.ts";

describe("repositories of this machine", () => {
  it("are served, some of their files only if asked, until the sources are closed", async () => {
    const upstream = await Upstream.create();
    const bare = join(temporaryDirectory(), "a mirror");
    await simpleGit().mirror(upstream.directory, bare);
    const settings = await simpleGit(upstream.directory).listConfig("local");
    const environment = { CONTROLLER_REPOSITORY: upstream.directory, HID_LAYOUTS_REPOSITORY: bare };

    const sources = await openSources(environment, join(temporaryDirectory(), "daemon.log"));
    const { controller = "", hidLayouts = "", onLoopback } = sources.addresses;
    expect(onLoopback).toBe(true);
    for (const address of [controller, hidLayouts]) {
      const clone = join(temporaryDirectory(), "clone");
      await simpleGit().clone(address, clone, ["--filter=blob:none", "--no-checkout"]);
      expect(await missingObjects(clone)).toBeGreaterThan(0);
      await simpleGit(clone).checkout("main");
      expect(existsSync(join(clone, "layouts/Tiny-One.json"))).toBe(true);
    }
    await sources.close();

    await expect(simpleGit().listRemote([controller])).rejects.toThrow();
    expect((await simpleGit(upstream.directory).listConfig("local")).all).toEqual(settings.all);
  });

  it("are missed by name", async () => {
    const empty = temporaryDirectory();
    await expect(openSources({ HID_LAYOUTS_REPOSITORY: empty }, join(empty, "log"))).rejects.toThrow(
      `no git repository at ${empty}`,
    );
  });
});

/** How many files of its commits a partial clone has left where they were. */
async function missingObjects(clone: string): Promise<number> {
  const listed = await simpleGit(clone).raw("rev-list", "--objects", "--all", "--missing=print");
  return listed.split("\n").filter((line) => line.startsWith("?")).length;
}
