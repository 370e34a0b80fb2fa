import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { openConfig } from "../../src/store/versions.ts";
import { repository } from "./app.ts";
import { buildDirectory, removeImage } from "./images.ts";

const run = promisify(execFile);
const mebibyte = 1024 * 1024;

/**
 * A host whose images and layouts are to be carried: two images of a layer in common, of a server and of a toolchain, that
 * hold nothing but bytes; a version `carried` that the toolchain builds; a library.
 */
export class CarriedHost {
  readonly server: string;
  readonly controller: string;
  readonly #root: string;
  readonly #environment: Record<string, string>;

  private constructor(root: string) {
    const id = root.slice(-6).toLowerCase();
    this.#root = root;
    this.server = `kiisrv-carried-${id}`;
    this.controller = `kiisrv-controller-carried-${id}`;
    const [data, layouts] = [this.path("data"), this.path("layouts")];
    this.#environment = { KIISRV_DATA: data, KIISRV_LAYOUTS: layouts, SOURCE_DATE_EPOCH: "1790000000" };
  }

  /** @param serverBase what the server's image stands on */
  static async create(serverBase?: string): Promise<CarriedHost> {
    const host = new CarriedHost(mkdtempSync(join(tmpdir(), "kiisrv-carried-")));
    mkdirSync(host.path("data"));
    mkdirSync(host.path("layouts"));
    writeFileSync(host.path("layouts/Own-Base.json"), "{}\n");
    const config = openConfig(host.path("data/config.db"));
    config
      .prepare("INSERT INTO Versions (name, container, family) VALUES ('carried', ?, 'demo')")
      .run(host.controller.replace("kiisrv-", ""));
    config.close();
    await host.#build(`${host.server}-base`, "scratch");
    await host.#build(host.server, serverBase ?? `${host.server}-base`);
    // So large that a load of it can be killed in its midst.
    await host.#build(host.controller, `${host.server}-base`, 32);
    return host;
  }

  path(name: string): string {
    return join(this.#root, name);
  }

  /** Puts one more layer on the server's image. */
  async update(): Promise<void> {
    await this.#build(this.server, this.server);
  }

  async #build(name: string, base: string, mebibytes = 1): Promise<void> {
    const context = mkdtempSync(this.path("context-"));
    const file = randomBytes(4).toString("hex");
    writeFileSync(join(context, file), randomBytes(mebibytes * mebibyte));
    writeFileSync(join(context, "Dockerfile"), `FROM ${base}\nCOPY ${file} /${file}\n`);
    await buildDirectory(name, context);
  }

  async imageId(name: string, daemon: string[] = []): Promise<string> {
    const { stdout } = await run("docker", [...daemon, "image", "inspect", "--format", "{{.Id}}", name]);
    return stdout.trim();
  }

  /** Starts the command line. */
  start(args: readonly string[], environment: Record<string, string> = {}) {
    return spawn(process.execPath, [join(repository, "src/main.ts"), "bundle", ...args], {
      env: { ...process.env, ...this.#environment, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  /** Runs the command line to its end. */
  async kiisrv(args: readonly string[], environment: Record<string, string> = {}) {
    const child = this.start(args, environment);
    const [output, errors, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "close"),
    ]);
    return { code: code as number | null, output, errors };
  }

  /** Saves both images. */
  save(name: string, ...more: string[]): Promise<string> {
    return this.saveBundle(name, "--server", this.server, "--version", "carried", "--no-proxy", ...more);
  }

  /** Saves a bundle that must come to be; returns its path. */
  async saveBundle(name: string, ...args: string[]): Promise<string> {
    const file = this.path(name);
    const { code, errors } = await this.kiisrv(["save", "-o", file, ...args]);
    if (code !== 0) throw new Error(`the bundle was not saved: ${errors}`);
    return file;
  }

  async remove(): Promise<void> {
    for (const name of [this.server, this.controller, `${this.server}-base`]) await removeImage(name);
    rmSync(this.#root, { recursive: true });
  }
}
