import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { parseArgs } from "node:util";
import { type RestoreSummary, restore as restoreBackup } from "../backup/restore.ts";
import { readConfig } from "../config.ts";
import { ArtifactStore } from "../store/artifacts.ts";
import { type Command, usage } from "./command.ts";
import { interruptible } from "./interrupt.ts";

const options = { force: { type: "boolean", default: false } } as const;

/** `kiisrv restore`: what `kiisrv backup` wrote, here or elsewhere. No server may use the data meanwhile. */
export const restore: Command = {
  name: "restore",
  summary: "check a backup and put it in force, here or on another machine",
  help: `kiisrv restore FILE [--force]

  FILE     what kiisrv backup wrote; - reads standard input
  --force  move the databases and layouts that are there aside; where to is said

  Everything is checked before anything changes. The directories are those of this machine's configuration. The server
  must be stopped.`,

  async run(args, { environment, output, report }) {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const [file, ...rest] = positionals;
    if (file === undefined || rest.length > 0) throw usage("restore takes one file");
    const config = readConfig(environment);
    const source = await openSource(file);
    const summary = await interruptible((signal) =>
      restoreBackup(source, {
        data: config.data,
        layouts: config.layouts,
        artifactDirectory: config.artifacts,
        artifacts: new ArtifactStore(config.artifacts),
        replace: values.force,
        signal,
        onProgress: report,
      }),
    );
    for (const line of describe(summary)) output(line);
  },
};

async function openSource(file: string): Promise<Readable> {
  if (file === "-") return process.stdin;
  const handle = await open(file).catch((cause: Error) => {
    throw new Error(`${file} cannot be read: ${cause.message}`, { cause });
  });
  return handle.createReadStream();
}

function describe({ created, builds, artifacts, missing, aside }: RestoreSummary): string[] {
  const lines = [`restored the backup of ${created}: ${builds} builds, ${artifacts} zips`];
  if (missing > 0)
    lines.push(`${missing} zips are not here; they are built again when somebody asks for them`);
  if (aside !== undefined) lines.push(`what was here before is in ${aside}`);
  return lines;
}
