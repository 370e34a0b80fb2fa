import { parseArgs } from "node:util";
import { type BackupOrder, backUpToFile, backUpToStream } from "../backup/backup.ts";
import { readConfig } from "../config.ts";
import { SyncedLayouts } from "../layout/synced.ts";
import { ArtifactStore } from "../store/artifacts.ts";
import { type Command, usage } from "./command.ts";
import { interruptible } from "./interrupt.ts";

const options = {
  artifacts: { type: "boolean", default: false },
  force: { type: "boolean", default: false },
} as const;

/** `kiisrv backup`: everything a server cannot make again, in one file. Neither needs nor disturbs a server. */
export const backup: Command = {
  name: "backup",
  summary: "write databases and layouts, and finished zips if asked for, to one file",
  help: `kiisrv backup FILE [--artifacts] [--force]

  FILE         where to; a compressed tar archive (.tar.gz). - writes to standard output
  --artifacts  take the finished zips along; without them they are built again when somebody asks
  --force      replace FILE if it is there

  A server may run and build meanwhile. The file holds the key of the addresses' hashes: keep it to yourself.`,

  async run(args, { environment, report }) {
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    const [file, ...rest] = positionals;
    if (file === undefined || rest.length > 0) throw usage("backup takes one file");
    const config = readConfig(environment);
    const summary = await interruptible((signal) => {
      const order: BackupOrder = {
        data: config.data,
        layouts: config.layouts,
        synced: new SyncedLayouts(config.syncedLayouts[0]),
        artifacts: new ArtifactStore(config.artifacts),
        withArtifacts: values.artifacts,
        signal,
        onProgress: report,
      };
      return file === "-"
        ? backUpToStream(order, process.stdout, config.data)
        : backUpToFile(order, file, values.force);
    });
    const { builds, artifacts, files, bytes } = summary;
    report(
      `backed up ${builds} builds and ${artifacts} zips: ${files} files, ${bytes} bytes before compression`,
    );
  },
};
