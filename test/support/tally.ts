import { writeFileSync } from "node:fs";
import type { Reporter, SerializedError, TestModule } from "vitest/node";

/**
 * Writes `passed failed skipped` to the file named by KIISRV_TALLY and names every skipped test.
 * A test file that cannot be loaded and an error outside of any test count as failures, so that nothing fails unseen.
 */
export default class Tally implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const count = { passed: 0, failed: unhandled.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      if (module.errors().length > 0) count.failed += 1;
      for (const suite of module.children.allSuites()) if (suite.errors().length > 0) count.failed += 1;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        count[state] += 1;
        if (state === "skipped") console.log(`skipped: ${module.relativeModuleId} > ${test.fullName}`);
      }
    }
    // A test that never came to an end did not pass.
    const failed = count.failed + count.pending;
    const file = process.env.KIISRV_TALLY;
    if (file) writeFileSync(file, `${count.passed} ${failed} ${count.skipped}\n`);
  }
}
