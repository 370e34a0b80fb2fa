import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { ContainerWatch } from "../support/e2e-containers.ts";
import { standIn } from "../support/e2e-images.ts";
import { SmallDisk, testAsRoot } from "../support/e2e-root.ts";
import { layout, serverForTest } from "../support/e2e-server.ts";

const versions = { latest: standIn("toolchain") };

/** What happens when a disk fills up all the same. */
const unguarded = { KIISRV_MIN_FREE_MIB: "0", KIISRV_MIN_FREE_INODES: "0" };

testAsRoot(
  "a full disk for artifacts: an answer that says so, no half zip, and on once there is room",
  async () => {
    const disk = await mountDisk("1m");
    const server = await serverForTest({
      versions,
      environment: { ...unguarded, KIISRV_ARTIFACTS: disk.path },
    });
    server.directories.artifacts = disk.path;
    const watch = await ContainerWatch.open();

    const answer = await server.post(layout("bulky"));
    expect(answer).toMatchObject({
      status: 507,
      code: "storage-failed",
      type: expect.stringMatching(/json/),
    });
    expect(answer.error).not.toContain(disk.path);
    expect(await server.artifacts()).toEqual([]);
    await server.expectTidy();

    // What is small still fits, and what is there is still served.
    const small = await server.post(layout("compiles"));
    expect(small).toMatchObject({ status: 200, success: true });
    expect((await server.download(small)).has("kiibohd.dfu.bin")).toBe(true);

    await disk.resize("16m");
    const retried = await server.post(layout("bulky"));
    expect(retried).toMatchObject({ status: 200, success: true });
    expect((await server.download(retried)).get("kiibohd.dfu.bin")).toHaveLength(2 * 1024 * 1024);
    expect(await watch.made(server.instance)).toHaveLength(3);
  },
);

testAsRoot("a full disk for outputs: not the layout's fault, and on once there is room", async () => {
  const disk = await mountDisk("8m");
  const server = await serverForTest({
    versions,
    directories: { tmpBuilds: disk.path },
    environment: unguarded,
  });

  const answer = await server.post(layout("fills_disk"));
  expect(answer).toMatchObject({ status: 507, code: "storage-failed", type: expect.stringMatching(/json/) });
  expect(await server.artifacts()).toEqual([]);
  await server.expectTidy();

  await disk.resize("64m");
  // It still leaves no firmware, but now that is what it is answered with.
  expect(await server.post(layout("fills_disk"))).toMatchObject({ status: 200, success: false });
  expect(await server.post(layout("bulky"))).toMatchObject({ status: 200, success: true });
});

async function mountDisk(size: string): Promise<SmallDisk> {
  const path = await mkdtemp(join(tmpdir(), "kiisrv-e2e-disk-"));
  onTestFinished(() => rmdir(path));
  return SmallDisk.mount(path, size);
}
