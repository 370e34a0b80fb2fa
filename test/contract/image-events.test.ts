import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import Docker from "dockerode";
import { expect, onTestFinished, test, vi } from "vitest";
import { createDockerRunner } from "../../src/runner/docker.ts";

const run = promisify(execFile);

test("the daemon tells when an image gets a name, and when it loses it", async () => {
  const directories = { tmpConfig: tmpdir(), tmpBuilds: tmpdir() };
  const runner = createDockerRunner({ docker: new Docker(), directories, instance: `test-${randomUUID()}` });
  const end = new AbortController();
  const changed = vi.fn();
  const watching = runner.watchImages(changed, end.signal);
  onTestFinished(() => end.abort());
  await vi.waitFor(() => expect(changed).toHaveBeenCalled());

  const name = `kiisrv-controller-told-${randomUUID()}`;
  changed.mockClear();
  await run("docker", ["tag", "debian:bookworm-slim", name]);
  await vi.waitFor(() => expect(changed).toHaveBeenCalled());
  changed.mockClear();
  await run("docker", ["image", "rm", name]);
  await vi.waitFor(() => expect(changed).toHaveBeenCalled());

  end.abort();
  await watching;
});
