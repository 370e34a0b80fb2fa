import { join } from "node:path";
import { expect, test } from "vitest";
import { openBuilds } from "../../src/store/builds.ts";
import { installation } from "../../src/store/meta.ts";
import { scratch } from "./helpers.ts";

function identity(file: string) {
  const database = openBuilds(file);
  const found = installation(database);
  database.close();
  return found;
}

test("an installation keeps its identity, and shares it with no other", () => {
  const file = join(scratch(), "builds.db");
  const first = identity(file);
  const other = identity(join(scratch(), "builds.db"));
  expect(identity(file)).toEqual(first);
  expect(first.instance).toMatch(/^[0-9a-f-]{36}$/);
  expect(first.secret).toHaveLength(32);
  expect(other.instance).not.toBe(first.instance);
  expect(other.secret.equals(first.secret)).toBe(false);
});
