import { parseArgs } from "node:util";
import type { Screen } from "../bundle/progress.ts";
import { type Command, type CommandWorld, usage } from "./command.ts";
import { interruptible } from "./interrupt.ts";

const saveOptions = {
  version: { type: "string", multiple: true },
  since: { type: "string" },
  output: { type: "string", short: "o" },
  server: { type: "string", default: "kiisrv-server" },
  compose: { type: "string" },
  release: { type: "string" },
  "no-proxy": { type: "boolean", default: false },
} as const;
const loadOptions = { into: { type: "string", default: "." } } as const;

export type SaveOrder = ReturnType<typeof readSave>;

export interface BundleWorld extends CommandWorld {
  /** Where the progress is shown. */
  screen: Screen;
}

/** What the command does, loaded for it alone: nobody else needs Docker's client at once. */
export type LoadBundling = () => Promise<{
  save(order: SaveOrder, world: BundleWorld, signal: AbortSignal): Promise<void>;
  load(order: { file: string; into: string }, world: BundleWorld, signal: AbortSignal): Promise<void>;
  verify(file: string, world: BundleWorld, signal: AbortSignal): Promise<void>;
  show(file: string, world: BundleWorld, signal: AbortSignal): Promise<void>;
}>;

/** `kiisrv bundle`: everything a host needs, in one file. */
export function bundle(loadBundling: LoadBundling, screen: Screen): Command {
  return {
    name: "bundle",
    summary: "save, load: carry the images, compose file and layouts in one file",
    help: `kiisrv bundle save -o FILE [--version NAME ...] [--since BUNDLE] [--release NAME] [--server IMAGE]
                   [--compose FILE] [--no-proxy]
kiisrv bundle load FILE [--into DIR]
kiisrv bundle verify FILE
kiisrv bundle show FILE

  save             packs images, compose file, layouts and a template of the configuration
  -o FILE          ends in .tar.zst, .tar.gz or .tar
  --version NAME   versions, as in /versions, whose controller images to carry [all that are there]
  --since BUNDLE   a bundle, or its bundle.json, that the other host has: leaves out the layers of that one
  --release NAME   tag of the images, beside latest [the version and a checksum of the images]
  --server IMAGE   the server's image [kiisrv-server]
  --compose FILE   the compose file [compose.prod.yaml here, else that of the checkout]
  --no-proxy       leaves out kiisrv-proxy; without it, it is carried if it is there

  load             checks all of a bundle, then gives the Docker daemon the images it lacks and puts the files into a
                   directory; a file that was changed there stays, and gets its new version as FILE.new beside it
  --into DIR       where the files go [.]

  verify           checks all of a bundle and changes nothing; needs no daemon
  show             prints the manifest of a bundle`,

    async run([action, ...args], world) {
      const job = readJob(action, args);
      await interruptible(async (signal) => job(await loadBundling(), { ...world, screen }, signal));
    },
  };
}

type Bundling = Awaited<ReturnType<LoadBundling>>;
type Job = (bundling: Bundling, world: BundleWorld, signal: AbortSignal) => Promise<void>;

function readJob(action: string | undefined, args: string[]): Job {
  if (action === "save") {
    const order = readSave(args);
    return (bundling, ...rest) => bundling.save(order, ...rest);
  }
  if (action === "load") {
    const { values, positionals } = parseArgs({ args, options: loadOptions, allowPositionals: true });
    const order = { file: only(positionals, action), into: values.into };
    return (bundling, ...rest) => bundling.load(order, ...rest);
  }
  if (action === "verify" || action === "show") {
    const file = only(parseArgs({ args, allowPositionals: true }).positionals, action);
    return (bundling, ...rest) => bundling[action](file, ...rest);
  }
  throw usage(action === undefined ? "bundle takes save, load, verify or show" : `bundle cannot ${action}`);
}

function readSave(args: string[]) {
  const {
    output,
    version,
    since,
    release,
    server,
    compose,
    "no-proxy": noProxy,
  } = parseArgs({
    args,
    options: saveOptions,
  }).values;
  if (output === undefined) throw usage("save needs -o FILE");
  if (!/\.tar(?:\.zst|\.gz)?$/.test(output))
    throw usage("-o takes a file that ends in .tar.zst, .tar.gz or .tar");
  if (release !== undefined && !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(release)) {
    throw usage("--release takes what can be the tag of an image");
  }
  return { output, versions: version, since, release, server, compose, proxy: !noProxy };
}

function only([file, ...rest]: string[], action: string): string {
  if (file === undefined || rest.length > 0) throw usage(`${action} takes one bundle`);
  return file;
}
