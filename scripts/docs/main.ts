// Runs the commands of the documentation: node scripts/docs/main.ts [--heavy] [--output] [PAGE...]
import { parseArgs } from "node:util";
import { listPages, readPage } from "./page.ts";
import { runPage } from "./run.ts";

const { values, positionals } = parseArgs({
  options: { heavy: { type: "boolean", default: false }, output: { type: "boolean", default: false } },
  allowPositionals: true,
});

for (const path of positionals.length > 0 ? positionals : listPages()) {
  const started = performance.now();
  const { ran, left, output, failedAt } = await runPage(readPage(path), values);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${path}: ${ran} blocks run in ${seconds} s, ${left.length} left out`);
  for (const { line, why } of left) console.log(`  ${path}:${line}: ${why}`);
  if (failedAt !== null || values.output) console.log(output);
  if (failedAt === null) continue;
  console.log(`${path}:${failedAt}: failed`);
  process.exitCode = 1;
}
