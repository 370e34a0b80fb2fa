import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type PlanRequest, planBuild } from "../build/plan.ts";
import { layoutRoot, resemblesRequest } from "../build/request.ts";
import { readConfig } from "../config.ts";
import { Problem } from "../errors.ts";
import { families } from "../firmware/families.ts";
import { defaultVersion } from "../firmware/versions.ts";
import { parseJson } from "../layout/json.ts";
import type { Dialect } from "../layout/kll.ts";
import { LayoutLibrary } from "../layout/library.ts";
import { SyncedLayouts } from "../layout/synced.ts";
import { openConfig, VersionStore } from "../store/versions.ts";
import { type Command, type CommandWorld, usage } from "./command.ts";

const options = {
  version: { type: "string", default: defaultVersion },
  dialect: { type: "string" },
  layouts: { type: "string" },
  digest: { type: "string" },
  out: { type: "string" },
} as const;

/** `kiisrv plan`: what a layout would be built from, without building it. Needs no daemon and no server. */
export const plan: Command = {
  name: "plan",
  summary: "print the build spec of a layout as JSON; with --out, write its KLL files",
  help: `kiisrv plan LAYOUT.json [--version NAME] [--dialect current|legacy] [--layouts DIR] [--out DIR] [--digest ID]

  LAYOUT.json      a layout document; - reads standard input
  --version NAME   channel or version to plan for, of those kiisrv comes with [${defaultVersion}]
  --dialect NAME   KLL dialect instead of the version's own: current or legacy
  --layouts DIR    library with the base layouts [that of the server]
  --out DIR        write the KLL files there
  --digest ID      content id (sha256:…) of the toolchain image; without it the key is not the one a server computes

  The names of keys are not looked at: the build of the firmware checks those.`,

  async run(args, world) {
    const { environment, output, report } = world;
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const [file, ...rest] = positionals;
    if (file === undefined || rest.length > 0) throw usage("plan takes one layout file");
    const config = readConfig(environment);
    const library =
      values.layouts === undefined
        ? new LayoutLibrary(config.layouts, new SyncedLayouts(...config.syncedLayouts))
        : new LayoutLibrary(values.layouts);
    const planned = planBuild(await readRequest(file, world, values.version, readDialect(values.dialect)), {
      families,
      versions: new VersionStore(openConfig(":memory:")).all(),
      limits: config.limits,
      baseLayout: (name) => library.base(name),
      imageDigest: () => values.digest ?? null,
    });
    for (const { path, message } of planned.kll.warnings) report(`warning: ${path}: ${message}`);
    if (values.out !== undefined) {
      await mkdir(values.out, { recursive: true });
      for (const { name, text } of planned.kll.files) await writeFile(join(values.out, name), text);
    }
    output(JSON.stringify({ key: planned.key, ...planned.spec }, null, 2));
  },
};

async function readRequest(
  file: string,
  { input }: CommandWorld,
  version: string,
  dialect: Dialect | undefined,
): Promise<PlanRequest> {
  const bytes = await (file === "-" ? input() : readFile(file)).catch((cause: Error) => {
    throw new Problem("bad-request", `${file} cannot be read: ${cause.message}`, { cause });
  });
  const { text, value, complaints } = parseJson(bytes, layoutRoot);
  if (resemblesRequest(value)) {
    throw new Problem(
      "bad-request",
      `${file} is a request; plan takes the layout, which is its ${layoutRoot}`,
    );
  }
  const request = { document: value, documentText: text, root: layoutRoot, version, complaints };
  return dialect ? { ...request, dialect } : request;
}

function readDialect(given: string | undefined): Dialect | undefined {
  if (given === undefined || given === "current" || given === "legacy") return given;
  throw usage(`there is no dialect '${given}'`);
}
