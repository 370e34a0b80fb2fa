import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import type { Examined } from "../../src/doctor/examine.ts";
import { openBuilds } from "../../src/store/builds.ts";
import { installation } from "../../src/store/meta.ts";
import { openStats } from "../../src/store/stats.ts";
import { openConfig } from "../../src/store/versions.ts";

export const repository = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);

/** What the doctor said of an installation. */
export class Report {
  readonly code: number | null;
  readonly checks: Examined[];

  constructor(code: number | null, checks: Examined[]) {
    this.code = code;
    this.checks = checks;
  }

  /** The ids of the checks that are not content. */
  get bad(): string[] {
    return this.checks.filter(({ status }) => status === "warn" || status === "fail").map(({ id }) => id);
  }

  find(id: string): Examined {
    const found = this.checks.find((one) => one.id === id);
    if (found === undefined) throw new Error(`no check ${id}`);
    return found;
  }
}

/** An installation for the doctor to look at: complete, never started, and nobody else's. */
export class Patient {
  readonly root: string;
  readonly data: string;
  readonly config: string;
  readonly builds: string;
  readonly layouts: string;
  readonly port: number;
  instance = "";
  /** What the doctor is given besides the directories. */
  environment: Record<string, string> = {};
  /** What to put before the command, e.g. to take capabilities away from it. */
  wrapper: string[] = [];

  private constructor(root: string, port: number) {
    this.root = root;
    this.port = port;
    this.data = join(root, "data");
    this.config = join(root, "config");
    this.builds = join(root, "builds");
    this.layouts = join(root, "layouts");
  }

  /** One for a test, removed with it. */
  static async create(): Promise<Patient> {
    const patient = new Patient(await mkdtemp(join(tmpdir(), "kiisrv-doctor-")), await freePort());
    onTestFinished(() => rm(patient.root, { recursive: true, force: true }));
    for (const directory of [patient.data, patient.config, patient.builds]) await mkdir(directory);
    await cp(join(repository, "layouts"), patient.layouts, { recursive: true, verbatimSymlinks: true });
    const builds = openBuilds(join(patient.data, "builds.db"));
    patient.instance = installation(builds).instance;
    builds.close();
    openStats(join(patient.data, "stats.db")).close();
    patient.offer("demo");
    return patient;
  }

  /** Leaves but one version on offer: the demo's, built by the image of this name. */
  offer(image: string): void {
    const database = openConfig(join(this.data, "config.db"));
    database.exec("DELETE FROM Versions WHERE name <> 'demo'");
    database.prepare("UPDATE Versions SET container = ?").run(`controller-${image}`);
    database.close();
  }

  start(...args: string[]) {
    const [program = "", ...rest] = [...this.wrapper, process.execPath, "src/main.ts", "doctor", ...args];
    return spawn(program, rest, {
      cwd: repository,
      env: {
        ...inherited(),
        KIISRV_HOST: "127.0.0.1",
        KIISRV_PORT: String(this.port),
        KIISRV_DATA: this.data,
        KIISRV_LAYOUTS: this.layouts,
        KIISRV_TMP_CONFIG: this.config,
        KIISRV_TMP_BUILDS: this.builds,
        ...this.environment,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  async doctor(...args: string[]): Promise<Report> {
    const child = this.start("--json", ...args);
    const closed = once(child, "close");
    const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = await closed;
    if (output === "") throw new Error(`the doctor says nothing: ${errors}`);
    return new Report(code as number | null, (JSON.parse(output) as { checks: Examined[] }).checks);
  }

  /** Carries out those lines of a mend that begin with one of these commands, as root. */
  async carryOut({ mend }: Examined, ...commands: string[]): Promise<string> {
    const lines = mend
      .split("\n")
      .map((line) => line.replaceAll("sudo ", ""))
      .filter((line) => commands.some((command) => line.startsWith(`${command} `)));
    if (lines.length === 0) throw new Error(`no ${commands.join(", ")} in: ${mend}`);
    return (await run("sh", ["-ec", lines.join("\n")])).stdout;
  }

  /** Takes over the variables that a mend sets. */
  setAsSaid({ mend }: Examined): void {
    const assignments = [...mend.matchAll(/^([A-Z_]+)=(\S+)/gm)];
    if (assignments.length === 0) throw new Error(`no variable in: ${mend}`);
    for (const [, name = "", value = ""] of assignments) this.environment[name] = value;
  }

  /** What lies in the directories where only builds put anything. */
  async leftovers(): Promise<string[]> {
    return (await Promise.all([this.config, this.builds].map((directory) => readdir(directory)))).flat();
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** A name for an image of this test, which is removed with it. */
export function imageForTest(): string {
  const name = `e2e-doctor-${randomUUID()}`;
  onTestFinished(async () => {
    const image = `kiisrv-controller-${name}`;
    const { stdout } = await run("docker", ["image", "ls", "--quiet", image]);
    if (stdout !== "") await run("docker", ["image", "rm", "--force", image]);
  });
  return name;
}

/** Without the settings of whoever runs the tests: a variable of theirs is not the patient's fault. */
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("KIISRV_")));
}
