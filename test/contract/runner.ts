import { afterEach, describe, expect, test } from "vitest";
import { Problem } from "../../src/errors.ts";
import type { Runner, RunResult } from "../../src/runner/runner.ts";
import type { BuildSpec, Limits } from "../../src/spec/spec.ts";
import { newBuildId, testSpec, texts } from "../support/runner.ts";

/** An implementation of Runner to hold to its contract, with the image test/support/images/hostile in its reach. */
export interface RunnerPlace {
  runner: Runner;
  hostile: BuildSpec["image"];
  /** Whatever builds have left behind: containers, directories, files. */
  leftovers(): Promise<string[]>;
}

/** What every runner must do with builds that go well, go wrong, and mean harm. */
export function runnerContract(name: string, place: () => RunnerPlace): void {
  function run(command: string, limits: Partial<Limits> = {}, signal?: AbortSignal): Promise<RunResult> {
    const { runner, hostile } = place();
    const never = new AbortController().signal;
    return runner.run(testSpec(hostile, [command], limits), { id: newBuildId(), signal: signal ?? never });
  }

  async function runAloud(command: string, limits: Partial<Limits> = {}): Promise<[RunResult, string]> {
    const { runner, hostile } = place();
    let heard = "";
    const onLog = (text: string) => {
      heard += text;
    };
    const { signal } = new AbortController();
    const spec = testSpec(hostile, [command], limits);
    return [await runner.run(spec, { id: newBuildId(), signal, onLog }), heard];
  }

  describe(name, () => {
    afterEach(async () => {
      expect(await place().leftovers()).toEqual([]);
    });

    test("a build that goes well gives exactly its outputs and its log", async () => {
      const [result, heard] = await runAloud("well");
      expect(result).toMatchObject({ status: "succeeded", reason: "", exitCode: 0 });
      expect(texts(result.outputs)).toEqual({
        "kiibohd.dfu.bin": "firmware",
        "log/build.log": 'U"A" : U"B";\n{"header":{}}\n',
      });
      expect(result.log.split("\n").sort()).toEqual(["", "to stderr: grüße", "to stdout: hello"]);
      expect(heard).toBe(result.log);
      expect(result.milliseconds).toBeGreaterThan(0);
    });

    test("two builds at once do not see each other", async () => {
      const results = await Promise.all([run("well"), run("sandbox")]);
      expect(results.map(({ status }) => status)).toEqual(["succeeded", "succeeded"]);
      expect(results.map(({ outputs }) => outputs.map((output) => output.name))).toEqual([
        ["kiibohd.dfu.bin", "log/build.log"],
        ["kiibohd.dfu.bin", "sandbox.txt"],
      ]);
    });

    test.each([
      ["missing", /kiibohd\.dfu\.bin is missing/],
      ["empty", /kiibohd\.dfu\.bin is empty/],
      ["symlink", /kiibohd\.dfu\.bin .* symbolic link/],
      ["fifo", /kiibohd\.dfu\.bin .* not a regular file/],
    ])("exit status 0 is no success if the firmware is not there: %s", async (command, reason) => {
      const result = await run(command);
      expect(result).toMatchObject({ status: "failed", exitCode: 0 });
      expect(result.reason).toMatch(reason);
      expect(JSON.stringify(texts(result.outputs))).not.toContain("root:");
    });

    test("a build that fails gives its exit status, its log, and what it left", async () => {
      const result = await run("fails");
      expect(result).toMatchObject({ status: "failed", exitCode: 3, log: "error: it does not compile\n" });
      expect(texts(result.outputs)).toEqual({ "kiibohd.dfu.bin": "firmware" });
    });

    test("a build that takes too long is stopped", async () => {
      const result = await run("sleeps", { wallSeconds: 1 });
      expect(result).toMatchObject({ status: "timed-out", exitCode: null, log: "asleep\n" });
    });

    test("a build is not started if it is cancelled before", async () => {
      const result = await run("well", {}, AbortSignal.abort());
      expect(result).toMatchObject({ status: "cancelled", exitCode: null, outputs: [] });
    });

    test("a build is stopped when it is cancelled", async () => {
      const { runner, hostile } = place();
      const abort = new AbortController();
      const result = await runner.run(testSpec(hostile, ["sleeps"]), {
        id: newBuildId(),
        signal: abort.signal,
        onLog: () => abort.abort(),
      });
      expect(result).toMatchObject({ status: "cancelled", exitCode: null });
    });

    test("a build that closes its output is waited for all the same", async () => {
      expect(await run("deaf")).toMatchObject({ status: "succeeded", exitCode: 0 });
    });

    test("a build killed by something else is a fault, not a verdict", async () => {
      await expect(run("killed")).rejects.toMatchObject({ code: "runner-unavailable" });
    });

    test.each(["many_files", "many_files_and_on", "many_bytes"])("too much output: %s", async (command) => {
      const result = await run(command);
      expect(result).toMatchObject({ status: "limit-exceeded" });
      const { outputs } = result;
      expect(outputs.length).toBeLessThanOrEqual(100);
      expect(outputs.reduce((sum, { bytes }) => sum + bytes.length, 0)).toBeLessThanOrEqual(4 * 1024 * 1024);
    });

    test("a file of 5 GB is not written, not even a sparse one", async () => {
      const result = await run("sparse");
      expect(result.status).toBe("failed");
      expect(texts(result.outputs)).toEqual({ "kiibohd.dfu.bin": "firmware", "huge.bin": "" });
    });

    test("a fork bomb ends with its container", async () => {
      const result = await run("fork_bomb", { wallSeconds: 3 });
      expect(result.status).not.toBe("succeeded");
    });

    test.each(["memory_hog", "memory_hog_handled"])(
      "a build that runs out of memory: %s",
      async (command) => {
        expect(await run(command)).toMatchObject({ status: "limit-exceeded", exitCode: null });
      },
    );

    test("/tmp is bounded", async () => {
      const result = await run("tmp_hog", { outputBytes: 4 * 1024 ** 3 });
      expect(result).toMatchObject({ status: "failed", exitCode: 1 });
    });

    test("an endless log is cut off", async () => {
      const [result, heard] = await runAloud("endless_log");
      expect(result).toMatchObject({ status: "limit-exceeded", exitCode: null });
      expect(result.log).toMatch(/^(la la la\n)+(la )*(la?)?\n\[\.\.\. \d+ characters left out \.\.\.\]\n/);
      expect(result.log.length).toBeLessThan(1.1 * 1024 * 1024);
      expect(heard.length).toBeLessThan(4 * 1024 * 1024);
    });

    test("directories that nobody may enter are removed", async () => {
      const result = await run("locked");
      expect(["succeeded", "limit-exceeded"]).toContain(result.status);
    });

    test("a bottomless directory is too much output, and removed", async () => {
      expect(await run("deep")).toMatchObject({ status: "limit-exceeded" });
    });

    test("outputs whose names are no good are left out, and the log says so", async () => {
      const result = await run("odd_names");
      expect(result.status).toBe("succeeded");
      expect(result.outputs.map(({ name }) => name)).toEqual(["grüße.txt", "kiibohd.dfu.bin"]);
      expect(result.log.match(/its name is not usable/g)).toHaveLength(3);
    });

    test("linked directories are not followed", async () => {
      const result = await run("linked_directory");
      expect(result.status).toBe("succeeded");
      expect(result.outputs.map(({ name }) => name)).toEqual(["kiibohd.dfu.bin"]);
    });

    test("a build has no network, no privileges, and nothing to write to but its outputs and /tmp", async () => {
      const { outputs } = await run("sandbox");
      const lines = texts(outputs)["sandbox.txt"]?.trim().split("\n");
      expect(lines).toEqual([
        expect.stringMatching(/^Uid:(\s+[1-9]\d*){4}$/),
        expect.stringMatching(/^CapEff:\s+0{16}$/),
        expect.stringMatching(/^CapBnd:\s+0{16}$/),
        expect.stringMatching(/^NoNewPrivs:\s+1$/),
        expect.stringMatching(/^Seccomp:\s+2$/),
        "root: read-only",
        "inputs: read-only",
        "/tmp: executable",
        "interfaces: lo",
        "network: unreachable",
        "file size: 4096 blocks",
        "neighbours: 1",
        "environment: 0",
        expect.not.stringContaining("bash"),
      ]);
    });

    test("an image that is not there is a fault", async () => {
      const { runner } = place();
      const digest = `sha256:${"0".repeat(64)}`;
      const { signal } = new AbortController();
      const absent = [
        { name: "kiisrv-controller-absent", digest },
        { name: "kiisrv-controller-absent", digest: null },
      ];
      for (const image of absent) {
        const run = runner.run(testSpec(image, ["well"]), { id: newBuildId(), signal });
        await expect(run).rejects.toBeInstanceOf(Problem);
        await expect(run).rejects.toMatchObject({ code: "image-missing" });
      }
    });

    test("an image whose digest is not known yet is found by its name", async () => {
      const { runner, hostile } = place();
      const spec = testSpec({ name: hostile.name, digest: null }, ["well"]);
      const result = await runner.run(spec, { id: newBuildId(), signal: new AbortController().signal });
      expect(result.status).toBe("succeeded");
    });

    test("the image is listed", async () => {
      const { runner, hostile } = place();
      expect(await runner.images()).toContainEqual({
        name: hostile.name,
        digest: hostile.digest,
        labels: expect.objectContaining({ "kiisrv.contract": "files" }),
      });
    });
  });
}
