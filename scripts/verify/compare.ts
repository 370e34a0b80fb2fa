import { readSizes } from "../../src/firmware/sizes.ts";
import type { OutputFile, RunResult } from "../../src/runner/runner.ts";
import type { Case } from "./cases.ts";
import { median, type Row } from "./report.ts";
import type { Timed, Way } from "./ways.ts";

/** A build of a case, the way it was built. */
export interface Built extends Timed {
  way: Way;
}

/** Puts the builds of a case into a row: what is wrong with them, and how long they took. */
export function compareBuilds(version: string, one: Case, builds: readonly Built[]): Row {
  const failed = builds.filter(({ result }) => result.status !== "succeeded");
  const reference = builds.find(({ result }) => result.status === "succeeded");
  const problems = failed.map(({ way, result }) => `${way}: ${result.reason || result.status}`);
  for (const { way, result } of builds) {
    if (reference === undefined || result.status !== "succeeded") continue;
    const names = differences(reference.result.outputs, result.outputs);
    if (names.length > 0) problems.push(`${way} differs from ${reference.way} in ${names.join(", ")}`);
    if ((way === "cold") !== builtByNinja.test(result.log)) problems.push(`${way}: it went another way`);
  }
  const time = (way: Way) =>
    median(builds.filter((build) => build.way === way).map(({ seconds }) => seconds));
  const { board, variant, layout } = one;
  return {
    ...{ version, board, variant, layout },
    firmwares: reference === undefined ? [] : firmwares(one, reference.result),
    ...{ cold: time("cold"), fast: time("fast"), warm: time("warm") },
    rounds: builds.filter(({ way }) => way === "cold").length,
    problems: [...new Set(problems)],
  };
}

/** The controller's own build says how far it is. Nothing of the fast way does, unless it fell back to the cold one. */
const builtByNinja = /^\[\d+\/\d+\] /m;

/** The names of the files that only one of two builds left, or that differ. */
export function differences(one: readonly OutputFile[], other: readonly OutputFile[]): string[] {
  const others = new Map(other.map(({ name, bytes }) => [name, bytes]));
  const names = new Set([...one, ...other].map(({ name }) => name));
  const same = one.filter(({ name, bytes }) => others.get(name)?.equals(bytes));
  for (const { name } of same) names.delete(name);
  return [...names].sort();
}

function firmwares({ spec }: Case, { outputs, log }: RunResult): Row["firmwares"] {
  const sizes = readSizes({ required: spec.outputs, outputs, log });
  return spec.outputs.map((name) => {
    const size = sizes?.[name];
    return {
      bytes: outputs.find((output) => output.name === name)?.bytes.length ?? 0,
      flash: size === undefined ? null : (100 * size.flash.used) / size.flash.total,
    };
  });
}
