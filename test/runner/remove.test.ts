import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { removeTree } from "../../src/runner/remove.ts";
import { walksAnchored } from "../../src/runner/walk.ts";

/** Gives each directory's name to a link that leads to another one, again and again. */
const swaps = `cd "$1" && for round in 1 2 3 4 5 6; do for name in *; do
  [ -d "$name" ] && [ ! -L "$name" ] && mv "$name" "../moved-$name-$RANDOM" && ln -s "$2" "$name"
done; done`;

test.runIf(walksAnchored)("whatever becomes of a name meanwhile, nothing else is removed", async () => {
  // Without care it goes wrong in one of three rounds.
  for (let round = 0; round < 20; round++) {
    const parent = await mkdtemp(join(tmpdir(), "kiisrv-remove-"));
    const [root, victim] = [join(parent, "root"), join(parent, "victim")];
    for (let n = 0; n < 40; n++) await mkdir(join(root, `d${n}`, "inner"), { recursive: true });
    await mkdir(victim);
    for (const name of ["a", "b", "c"]) await writeFile(join(victim, name), "");
    const enemy = spawn("bash", ["-c", swaps, "bash", root, victim], { stdio: "ignore" });
    const ended = once(enemy, "exit");
    await sleep(3 + (round % 5) * 3);
    // It may fail for what came meanwhile: somebody calls it again.
    await Promise.allSettled([removeTree(root)]);
    await ended;
    expect(await readdir(victim)).toEqual(["a", "b", "c"]);
    await rm(parent, { recursive: true });
  }
});
