import { execFile } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pack } from "tar-stream";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../support/app.ts";

const script = fileURLToPath(new URL("../../scripts/load.sh", import.meta.url));

/** Names that a shell, sed or a terminal could take for more than names. */
const names = ["\\n touch ran|e\n#", "$(touch ran)", "`touch ran`", '"; touch ran; "', "\u001b[2J"];

test("names in a bundle are nothing but names, whoever made it", async () => {
  const directory = temporaryDirectory();
  const archive = pack();
  archive.entry({ name: "bundle.json" }, "{}");
  archive.entry({ name: "SHA256SUMS" }, "");
  for (const name of names) archive.entry({ name }, "x");
  archive.finalize();
  writeFileSync(join(directory, "kiisrv.tar"), await buffer(archive));
  // Never reached: the check comes before anything is asked of Docker.
  writeFileSync(join(directory, "docker"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  const environment = { ...process.env, PATH: `${directory}:${process.env.PATH}` };
  const loading = promisify(execFile)("sh", [script, "kiisrv.tar"], { cwd: directory, env: environment });
  const { stderr } = await loading.catch((error: { stderr: string }) => error);
  expect(stderr).toContain("$(touch ran)");
  expect(stderr).toContain("nothing was changed");
  expect(stderr).not.toContain("\u001b");
  expect(readdirSync(directory).sort()).toEqual(["docker", "kiisrv.tar"]);
});
