import { execFile } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const image = "kiisrv-controller-demo";

/** Not root and no user of the image: whoever the server happens to run as. */
const user = "4321:4321";

/** The maps of one build: file name -> text, and which of them make the layers. */
export interface Maps {
  files: Record<string, string | Buffer>;
  /** DefaultMapOverride */
  base: string;
  /** PartialMapsExpandedOverride */
  layers?: string;
}

export interface Outcome {
  status: number;
  log: string;
}

export interface BuildOutcome extends Outcome {
  /** Whether its log ended with its last word, which `log` is without. */
  done: boolean;
}

/** Fails with the remedy when the image is not there. */
export async function requireImage(name: string): Promise<void> {
  const { status } = await docker(["image", "inspect", name]);
  if (status !== 0) throw new Error(`the image ${name} is missing: run make images`);
}

/** Runs the Docker command line; its exit status and everything it printed. */
export function docker(args: string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    execFile("docker", args, { timeout: 110_000, maxBuffer: 16 << 20 }, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== "number") reject(error);
      else resolve({ status: typeof error?.code === "number" ? error.code : 0, log: stdout + stderr });
    });
  });
}

/** Runs a program of the image in the sandbox of a build, with further options of `docker run`. */
export function runIn(options: string[], [program = "", ...args]: string[]): Promise<Outcome> {
  return docker([...sandbox, ...options, "--entrypoint", program, image, ...args]);
}

/** Directories below one that vanishes at the end; `path` is given to the daemon as it is. */
export class Workshop {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async open(): Promise<Workshop> {
    return new Workshop(await mkdtemp(join(tmpdir(), "kiisrv-demo-")));
  }

  async close(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  /** A directory of input files. */
  async input(name: string, files: Record<string, string | Buffer>): Promise<string> {
    const path = join(this.path, "config", name);
    await mkdir(path, { recursive: true });
    for (const [file, text] of Object.entries(files)) await writeFile(join(path, file), text);
    return path;
  }

  /** An empty directory that the container's user may write to. */
  async output(name: string): Promise<string> {
    const path = join(this.path, "builds", name);
    await mkdir(path, { recursive: true });
    await chmod(path, 0o777);
    return path;
  }

  /**
   * One build, sandboxed as the server does it; the outputs lie in `output(name)`.
   * @param options other arguments than usual, and further options of `docker run`
   */
  async build(
    name: string,
    maps: Maps,
    { command = ["demo.bash", name, "any.zip"], options = [] as string[] } = {},
  ): Promise<BuildOutcome> {
    const input = await this.input(name, maps.files);
    const output = await this.output(name);
    const { status, log } = await docker([
      ...sandbox,
      ...["--env", `DefaultMapOverride=${maps.base}`],
      ...["--env", `PartialMapsExpandedOverride=${maps.layers ?? ""}`],
      ...["--env", "Layout=", "--volume", `${input}:/mnt/config/${name}:ro`],
      ...["--volume", `${output}:/mnt/builds`, ...options, image, ...command],
    ]);
    const lastWord = `kiisrv: done ${name}\n`;
    const done = log.endsWith(lastWord);
    return { status, log: done ? log.slice(0, -lastWord.length) : log, done };
  }

  /** Runs only the keymap generator, on many layouts in one container. */
  async generate(name: string, layouts: Maps[]): Promise<Outcome[]> {
    for (const [index, { files, base, layers = "" }] of layouts.entries()) {
      await this.input(`${name}/${index}`, { ...files, ".base": base, ".layers": layers });
    }
    const script = `
      cd /opt/demo
      for ((i = 0; i < ${layouts.length}; i++)); do
        maps=/mnt/config/$i
        DefaultMapOverride=$(<$maps/.base) PartialMapsExpandedOverride=$(<$maps/.layers) \\
          python3 -m generator Demo maps $maps /tmp 2>&1
        echo "=== $?"
      done`;
    const volume = `${join(this.path, "config", name)}:/mnt/config:ro`;
    const { log } = await runIn(["--volume", volume], ["bash", "-c", script]);
    const ends = [...log.matchAll(/([\s\S]*?)=== (\d+)\n/g)];
    return ends.map(([, text = "", status]) => ({ status: Number(status), log: text }));
  }
}

const sandbox = [
  ...["run", "--rm", "--init", "--network", "none", "--read-only", "--user", user],
  ...["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "64", "--memory", "512m"],
  ...["--tmpfs", "/tmp:rw,exec,nosuid,nodev,mode=1777,size=64m"],
];

/** A map as the server writes it: header, a blank line, the lines. The first line of `body` is line 4. */
export function kll(body: string, layout = "Test"): string {
  return `Name = "Demo";\nLayout = "${layout}";\n\n${body}`;
}

/** Three layers that use every kind of key. */
export const threeLayers: Maps = {
  files: {
    "Demo-Test-0.kll": kll(`U"A" : U"B"; # remapped
U"FUN1" : layerShift( 1 );
U"APP" : layerToggle( 2 );
U"RCTRL" : layerLatch( 1 );
U"RALT" : U"FUN2";
U"CAPSLOCK" : None;
A[glow] <= start, loop;
A[glow, 1] <= P[c:0%](255), P[c:100%](0);
### empty is empty, skipping
A[glow, 2] <= P[c:0%](0);
`),
    "Demo-Test-1.kll": kll(`U"A" : CONS"VOLUMEUP";\nU"S" : SYS"SLEEP";\nU"APP" : layerToggle( 2 );\n`),
    "Demo-Test-2.kll": kll(`U"A" : U"P1";\nU"D" : U"P+";\nU"ESC" : U"\\";\n`),
  },
  base: "stdFuncMap Demo-Test-0",
  layers: "Demo-Test-1;Demo-Test-2",
};
