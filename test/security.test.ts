import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readConfig } from "../src/config.ts";

const root = join(import.meta.dirname, "..");
const text = readFileSync(join(root, "docs/SECURITY.md"), "utf8");

/** What docs/SECURITY.md names as shown by a test: the file, and the test's name. */
const named = [...text.matchAll(/\| `(test\/\S+)`: (.+) \|$/gm)].map(
  ([, file = "", name = ""]) => [file, name] as const,
);

describe("docs/SECURITY.md", () => {
  test("names tests for what the sandbox stops", () => {
    expect(named.length).toBeGreaterThan(10);
  });

  test.for(named)("%s has the test: %s", ([file, name]) => {
    expect(readFileSync(join(root, file), "utf8")).toContain(name);
  });

  test("names only tests that are there", () => {
    const files = [...text.matchAll(/`(test\/[^`\s]+)`/g)].map(([, file = ""]) => file);
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  test("gives the limits their real defaults", () => {
    const {
      rateRequests,
      rateLayouts,
      rateBuilds,
      connections,
      connectionsPerClient,
      queueLength,
      queuePerClient,
    } = readConfig({});
    const rows = [...text.matchAll(/\| (\d+) \| `(KIISRV_\w+)` \|$/gm)].map(([, value, variable]) => [
      variable,
      value,
    ]);
    expect(Object.fromEntries(rows)).toEqual({
      KIISRV_RATE_REQUESTS: `${rateRequests}`,
      KIISRV_RATE_LAYOUTS: `${rateLayouts}`,
      KIISRV_RATE_BUILDS: `${rateBuilds}`,
      KIISRV_CONNECTIONS: `${connections}`,
      KIISRV_CONNECTIONS_PER_CLIENT: `${connectionsPerClient}`,
      KIISRV_QUEUE_LENGTH: `${queueLength}`,
      KIISRV_QUEUE_PER_CLIENT: `${queuePerClient}`,
    });
  });
});
