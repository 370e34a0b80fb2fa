import { defineConfig } from "vitest/config";

const unit = ["test/**/*.test.ts"];
const real = ["test/contract/**", "test/e2e/**", "test/controllers/**"];

/** `units` need nothing but Node; `real` drives the Docker daemon, so its files run one after another. */
export default defineConfig({
  test: {
    projects: [
      // Time enough for a machine that is busy with something else: a test that hangs is found all the same.
      { test: { name: "units", include: unit, exclude: real, testTimeout: 30_000 } },
      {
        test: {
          name: "real",
          include: real.map((path) => `${path}/*.test.ts`),
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
