import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { Runner } from "../../src/runner/runner.ts";
import { run, type WarmPlace, WarmPlaces } from "../support/warmPlaces.ts";
import { runnerContract } from "./runner.ts";

const places = new WarmPlaces();

describe("the contract, kept by containers that waited", () => {
  let warm: WarmPlace;
  let patient: Runner;
  let runs = 0;

  beforeAll(async () => {
    warm = places.place();
    await run(warm.runner, places.well());
    // Each kind of container there is: limits on the size of files make one of their own.
    const kinds = new Set([places.well().limits.outputBytes]);
    patient = {
      ...bound(warm.runner),
      run: async (spec, options) => {
        await warm.watch.until(() => warm.watch.waiting.size >= kinds.size);
        kinds.add(spec.limits.outputBytes);
        runs++;
        return warm.runner.run(spec, options);
      },
    };
  });

  // Else it would go on replacing what is cleared away after a test that failed.
  afterAll(() => warm.runner.close());

  /** What is left when all is quiet: but for those that wait, nothing may be. */
  async function leftovers(): Promise<string[]> {
    const { watch, left } = warm;
    const surplus = async () => (await left()).filter((id) => !watch.waiting.has(id));
    // Not looked at once more: another one may be on its way by then.
    return vi.waitFor(
      async () => {
        const found = await surplus();
        expect(found).toEqual([]);
        return found;
      },
      { timeout: 20_000, interval: 50 },
    );
  }

  runnerContract("the Docker runner, warm", () => ({ runner: patient, hostile: places.hostile, leftovers }));

  test("most of those were warm, each in a container of its own, and nothing is left of them", async () => {
    const { runner, watch, left } = warm;
    // Not: the second of two at once, the first of its kind, those without an image, one cancelled before.
    expect(watch.taken.length).toBe(runs - 5);
    expect(new Set(watch.taken).size).toBe(watch.taken.length);
    expect(watch.warnings).toEqual([]);
    await runner.close();
    expect(await left()).toEqual([]);
  });
});

function bound(runner: Runner): Runner {
  return {
    run: runner.run.bind(runner),
    images: runner.images.bind(runner),
    watchImages: runner.watchImages.bind(runner),
    reap: runner.reap.bind(runner),
    close: runner.close.bind(runner),
  };
}
