import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Job, runJobs } from "../../scripts/images/job.ts";
import { temporaryDirectory } from "../support/app.ts";

const never = new AbortController().signal;

/** A job whose image is a file below `directory`: a "build" is a shell script that writes it. */
function job(image: string, script: string, directory = temporaryDirectory()): Job {
  return new Job({
    image,
    command: ["sh", "-c", script],
    directory,
    environment: process.env,
    idOf: async (name) => {
      const path = join(directory, name);
      return existsSync(path) ? readFileSync(path, "utf8") : "";
    },
    log: join(directory, `${image}.log`),
  });
}

describe("the jobs that build images", () => {
  it("tell a new image from one that was there already", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "changed"), "1");
    writeFileSync(join(directory, "same"), "1");
    const jobs = [
      job("new", "printf 1 > new", directory),
      job("changed", "printf 2 > changed", directory),
      job("same", "printf 1 > same", directory),
    ];
    expect(jobs.map((one) => one.row())).toEqual(
      ["new", "changed", "same"].map((name) => ({ name, text: "waits", seconds: undefined })),
    );
    await runJobs(jobs, 1, never);
    expect(jobs.map(({ outcome }) => outcome)).toEqual(["built", "built", "up to date"]);
  });

  it("go on when one fails, whose last words are kept", async () => {
    const jobs = [job("bad", "seq 1 30; echo 'no such tag' >&2; exit 3"), job("good", "printf 1 > good")];
    await runJobs(jobs, 1, never);
    expect(jobs.map(({ outcome }) => outcome)).toEqual(["failed", "built"]);
    expect(jobs[0]?.lastWords(2)).toBe("30\nno such tag");
  });

  it("go on when one cannot even be run, and say so when all are over", async () => {
    const log = join(temporaryDirectory(), "none/there.log");
    const idOf = async () => "";
    const broken = new Job({ image: "x", command: ["sh"], directory: "/", environment: {}, idOf, log });
    const good = job("good", "printf 1 > good");
    await expect(runJobs([broken, good], 2, never)).rejects.toThrow("ENOENT");
    expect([broken.outcome, good.outcome]).toEqual(["failed", "built"]);
  });

  it("are so many at a time", async () => {
    const directory = temporaryDirectory();
    // Each waits for the other: one after another they would wait for ever.
    const meet = (mine: string, others: string) =>
      `printf 1 > ${mine}; until [ -f ${others} ]; do sleep 0.01; done`;
    const pair = [job("a", meet("a", "b"), directory), job("b", meet("b", "a"), directory)];
    await runJobs(pair, 2, never);
    expect(pair.map(({ outcome }) => outcome)).toEqual(["built", "built"]);

    const alone = "mkdir running && sleep 0.1 && rmdir running";
    const single = ["c", "d", "e"].map((name) => job(name, alone, directory));
    await runJobs(single, 1, never);
    expect(single.map(({ outcome }) => outcome)).toEqual(["built", "built", "built"]);
  });

  it("show the step they are at, and end when they are stopped", async () => {
    const stopping = new AbortController();
    const slow = job("slow", "echo 'Step 3/36 : RUN sleep'; exec sleep 60");
    const next = job("next", "printf 1 > next");
    const done = runJobs([slow, next], 1, stopping.signal);
    await expect.poll(() => slow.row().text).toBe("step 3/36");
    stopping.abort();
    await done;
    expect([slow.outcome, next.outcome]).toEqual(["stopped", undefined]);
  });
});
