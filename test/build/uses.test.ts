import { pino } from "pino";
import { expect, test } from "vitest";
import { UseLog } from "../../src/build/uses.ts";
import { BuildStore, openBuilds } from "../../src/store/builds.ts";
import { newBuild } from "../store/helpers.ts";

const fiveMinutes = 5 * 60 * 1000;

test("uses are written once in five minutes each, together; a database that fails loses none", () => {
  const database = openBuilds(":memory:");
  const clock = { now: 1000 };
  const builds = new BuildStore(database, () => clock.now);
  for (const name of ["a", "b"]) {
    builds.create(newBuild(name));
    const artifact = { name: `${name}.zip`, bytes: 1, sha256: "ab".repeat(32) };
    builds.finish(name, { status: "succeeded", milliseconds: 1, artifact, reason: "", log: "" });
  }
  const uses = new UseLog(builds, pino({ level: "silent" }), () => clock.now);
  const noted = () => Object.fromEntries(builds.uses());
  expect(noted()).toEqual({ "a.zip": null, "b.zip": null });

  uses.note("a.zip");
  uses.flush();
  clock.now += fiveMinutes - 1;
  uses.note("a.zip");
  uses.note("b.zip");
  uses.flush();
  expect(noted()).toEqual({ "a.zip": 1000, "b.zip": 1000 + fiveMinutes - 1 });

  clock.now += 1;
  database.exec("ALTER TABLE Builds RENAME TO Away");
  uses.note("a.zip");
  uses.flush();
  database.exec("ALTER TABLE Away RENAME TO Builds");
  uses.flush();
  expect(noted()).toEqual({ "a.zip": 1000 + fiveMinutes, "b.zip": 1000 + fiveMinutes - 1 });
  database.close();
});
