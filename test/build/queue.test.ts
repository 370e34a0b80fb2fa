import { describe, expect, it } from "vitest";
import { FairQueue, type QueueLimits } from "../../src/build/queue.ts";
import { Problem } from "../../src/errors.ts";

function makeQueue(limits: Partial<QueueLimits> = {}) {
  return new FairQueue({ concurrency: 1, length: 100, perClient: 100, ...limits });
}

/** A task that ends when told to, and notes when it starts. */
function task(name: string, started: string[]) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  return {
    run: () => {
      started.push(name);
      return promise;
    },
    end: () => resolve(name),
    fail: reject,
  };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("FairQueue", () => {
  it("never runs more than the limit, and answers all", async () => {
    const queue = makeQueue({ concurrency: 3 });
    let now = 0;
    let most = 0;
    const jobs = Array.from({ length: 40 }, (_, index) =>
      queue.run(`client ${index % 4}`, async () => {
        most = Math.max(most, ++now);
        await settle();
        now--;
        return index;
      }),
    );
    expect(await Promise.all(jobs)).toEqual(Array.from({ length: 40 }, (_, index) => index));
    expect(most).toBe(3);
    expect(queue.size).toEqual({ running: 0, waiting: 0 });
  });

  it("lets clients take turns", async () => {
    const queue = makeQueue();
    const started: string[] = [];
    const order = ["a1", "a2", "a3", "a4", "b1", "c1", "b2"];
    const tasks = order.map((name) => task(name, started));
    const runs = tasks.map((one, index) => queue.run(order[index]?.[0] ?? "", one.run));
    for (const one of tasks) one.end();
    await Promise.all(runs);
    expect(started).toEqual(["a1", "a2", "b1", "c1", "a3", "b2", "a4"]);
  });

  it("turns away what is too much, with a time to come back", async () => {
    const queue = makeQueue({ length: 2, perClient: 1 });
    const started: string[] = [];
    const tasks = ["a", "b", "c"].map((name) => task(name, started));
    const [a, b, c] = tasks;
    if (!a || !b || !c) throw new Error("three tasks");
    queue.assertRoom("a", 7);
    const runs = [queue.run("a", a.run)];
    queue.assertRoom("a", 7);
    runs.push(queue.run("a", b.run));
    expect(() => queue.assertRoom("a", 7)).toThrow(
      expect.objectContaining({ code: "queue-full", retryAfter: 7 }),
    );
    queue.assertRoom("b", 7);
    runs.push(queue.run("b", c.run));
    expect(() => queue.assertRoom("c", 9)).toThrow(
      expect.objectContaining({ code: "queue-full", retryAfter: 9 }),
    );
    const again = queue.run("a", async () => "accepted before");
    for (const one of tasks) one.end();
    await Promise.all([...runs, again]);
    expect(started).toEqual(["a", "b", "c"]);
  });

  it("frees the place of a task that fails", async () => {
    const queue = makeQueue();
    const failing = queue.run("a", async () => Promise.reject(new Error("broken")));
    const next = queue.run("a", async () => "next");
    await expect(failing).rejects.toThrow("broken");
    expect(await next).toBe("next");
  });

  it("when closed, refuses what waits and what comes, and lets what runs end", async () => {
    const queue = makeQueue();
    const started: string[] = [];
    const running = task("running", started);
    const first = queue.run("a", running.run);
    const second = queue.run("a", async () => "never");
    queue.close(new Problem("shutting-down", "the server stops"));
    await expect(second).rejects.toMatchObject({ code: "shutting-down" });
    await expect(queue.run("a", async () => "never")).rejects.toMatchObject({ code: "shutting-down" });
    expect(() => queue.assertRoom("a", 1)).toThrow(expect.objectContaining({ code: "shutting-down" }));
    let drained = false;
    const drain = queue.drained().then(() => {
      drained = true;
    });
    await settle();
    expect(drained).toBe(false);
    running.end();
    expect(await first).toBe("running");
    await drain;
  });
});
