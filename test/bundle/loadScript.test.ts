import { execFile } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pack } from "tar-stream";
import { describe, expect, test } from "vitest";
import { dockerManifest } from "../../src/bundle/docker.ts";
import { temporaryDirectory } from "../support/app.ts";
import { type RawMember, rawArchive, sha256, tinyManifest } from "../support/bundles.ts";

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

describe("the images' names", () => {
  const images = tinyManifest().images;
  const list = dockerManifest(images);
  const named = (tag: string) =>
    dockerManifest(images.map((image) => ({ ...image, tags: [...image.tags, tag] })));
  const other = Buffer.from(JSON.stringify([{ Config: "x", RepoTags: ["postgres:latest"], Layers: [] }]));
  const link = (name: string, linkname: string): RawMember => ({
    name,
    header: { type: "symlink", linkname },
  });

  test("that are ours go to Docker", async () => {
    const { stdout, stderr } = await load([
      { name: "manifest.json", bytes: list },
      link("layouts/A.json", "B.json"),
    ]);
    expect(stderr).toBe("");
    expect(stdout).toContain("Docker was asked to load");
  });

  test.for<[string, RawMember[]]>([
    ["are another's", [{ name: "manifest.json", bytes: named("postgres:latest") }]],
    ["are a registry's", [{ name: "manifest.json", bytes: named("x/kiisrv-server:latest") }]],
    ["are spelled so that they look like others", [{ name: "manifest.json", bytes: escaped(list) }]],
    ["are on a second line", [{ name: "manifest.json", bytes: Buffer.concat([list, other]) }]],
    ["are in none", []],
    ["are in a second list", ["manifest.json", "manifest.json"].map((name) => ({ name, bytes: list }))],
    ["are in another kind of list", ["manifest.json", "index.json"].map((name) => ({ name, bytes: list }))],
    [
      "are in a list of another path",
      ["manifest.json", "./manifest.json"].map((name) => ({ name, bytes: list })),
    ],
    ["may be reached by a link", [{ name: "manifest.json", bytes: list }, link("x", ".")]],
  ])("do not when they %s", async ([, members]) => {
    const { stdout, stderr } = await load(members);
    expect(stderr).toContain("nothing was changed");
    expect(stdout).not.toContain("Docker was asked to load");
  });
});

/** The same JSON for who reads it, another for who searches it. */
function escaped(list: Buffer): Buffer {
  return Buffer.from(list.toString().replaceAll("RepoTags", "RepoT\\u0061gs"));
}

/** Runs the script on a bundle of these members and their right checksums, with a Docker that only says what it was asked. */
async function load(members: readonly RawMember[]): Promise<{ stdout: string; stderr: string }> {
  const directory = temporaryDirectory();
  const facts = { platform: { os: "linux", architecture: "amd64" }, release: "1" };
  const all: RawMember[] = [
    { name: "bundle.json", bytes: Buffer.from(JSON.stringify(facts, null, 2)) },
    ...members,
  ];
  const files = all.filter(({ header }) => header === undefined);
  const sums = files.map(({ name, bytes = Buffer.alloc(0) }) => `${sha256(bytes)}  ${name}\n`).join("");
  const archive = await rawArchive([...all, { name: "SHA256SUMS", bytes: Buffer.from(sums) }]);
  writeFileSync(join(directory, "kiisrv.tar"), archive);
  const answers = `#!/bin/sh
case $1 in version) echo linux/amd64 ;; load) cat >/dev/null; echo "Docker was asked to load" ;; esac
`;
  writeFileSync(join(directory, "docker"), answers, { mode: 0o755 });
  const environment = { ...process.env, PATH: `${directory}:${process.env.PATH}` };
  const loading = promisify(execFile)("sh", [script, "kiisrv.tar"], { cwd: directory, env: environment });
  return loading.catch((error: { stdout: string; stderr: string }) => error);
}
