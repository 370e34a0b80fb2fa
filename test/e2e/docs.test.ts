import { expect, test } from "vitest";
import { listPages, readPage } from "../../scripts/docs/page.ts";
import { runPage } from "../../scripts/docs/run.ts";
import { session } from "../../scripts/docs/session.ts";

const pages = listPages()
  .map(readPage)
  .filter((page) => session(page, { port: 0, compose: "", heavy: false }).ran > 0);

test.for(pages)("the commands of $path work", { timeout: 300_000 }, async (page) => {
  const { output, failedAt, ran, left } = await runPage(page, { heavy: false });
  console.info(`${page.path}: ${ran} blocks of commands run`);
  for (const { line, why } of left) console.info(`  not run: ${page.path}:${line}: ${why}`);
  expect(failedAt, `${page.path}:${failedAt}\n${output}`).toBeNull();
});
