import { execFile, spawnSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";
import { onTestFinished, test } from "vitest";

const run = promisify(execFile);

/** Whether these tests may mount file systems and start daemons; where not, they are reported as skipped. */
const isRoot = process.getuid?.() === 0;

/** A test that only root can do. Says so in its name, which is what is left to read of a skipped one. */
export function testAsRoot(name: string, body: () => Promise<void>): void {
  test.skipIf(!isRoot)(`${name} (needs root)`, body);
}

/** Whether a daemon of our own can be started. */
export const canRunDaemon = isRoot && spawnSync("dockerd", ["--version"]).status === 0;

/** A small file system in memory, until the test is over. */
export class SmallDisk {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** @param size as mount takes it, e.g. `256k` */
  static async mount(path: string, size: string): Promise<SmallDisk> {
    await mkdir(path, { recursive: true });
    await run("mount", ["-t", "tmpfs", "-o", `size=${size}`, "kiisrv-e2e", path]);
    onTestFinished(async () => {
      await run("umount", ["--lazy", path]);
    });
    return new SmallDisk(path);
  }

  async resize(size: string): Promise<void> {
    await run("mount", ["-o", `remount,size=${size}`, this.path]);
  }
}
