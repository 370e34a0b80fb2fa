import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { NewBuild } from "../../src/store/buildRows.ts";

/** A new directory that goes away with the test. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), "kiisrv-store-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Whether small file systems can be mounted here. */
export const canMount = process.getuid?.() === 0 && mounts();

function mounts(): boolean {
  const directory = mkdtempSync(join(tmpdir(), "kiisrv-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "kiisrv-test", directory], { stdio: "ignore" });
    execFileSync("umount", [directory]);
    return true;
  } catch (error) {
    console.warn(`no tmpfs can be mounted, so full disks are not tried: ${String(error)}`);
    return false;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A file system of its own, of `size` bytes, that goes away with the test. */
export function smallDisk(size: number): { path: string; makeReadOnly(): void } {
  const path = scratch();
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "kiisrv-test", path]);
  onTestFinished(() => {
    execFileSync("umount", ["--lazy", path]);
  });
  return {
    path,
    makeReadOnly() {
      execFileSync("mount", ["-o", "remount,ro", path]);
    },
  };
}

export const someKey = "5eed".repeat(16);

export function newBuild(id: string, more: Partial<NewBuild> = {}): NewBuild {
  return {
    id,
    key: someKey,
    board: "Demo",
    layout: "Standard",
    version: "latest",
    container: "controller-demo",
    image: `sha256:${"ab".repeat(32)}`,
    client: "c0ffee",
    spec: {
      contract: 1,
      image: { name: "kiisrv-controller-demo", digest: null },
      command: ["build"],
      environment: { Layout: "Standard" },
      files: [{ name: "Demo-Standard.json", text: '{"header":{}}' }],
      document: "Demo-Standard.json",
      limits: {
        wallSeconds: 60,
        memoryBytes: 2 ** 29,
        cpus: 1,
        pids: 64,
        outputBytes: 2 ** 24,
        outputFiles: 100,
        logBytes: 2 ** 20,
      },
      outputs: ["kiibohd.dfu.bin"],
    },
    origins: { "Demo-Standard-0.kll": [{ path: "config.header.Name" }, null] },
    ...more,
  };
}
