import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type Docker from "dockerode";
import { z } from "zod";
import { ask, askUnless } from "../runner/daemon.ts";
import { controllerImages } from "../runner/images.ts";
import { chains } from "./layers.ts";
import { SilenceGuard } from "./silence.ts";

export interface Platform {
  os: string;
  architecture: string;
}

/** An image that is on the daemon. */
export interface PresentImage {
  id: string;
  platform: Platform;
  /** Diff ids, the lowest first. */
  layers: string[];
  /** Bytes, uncompressed, what it shares with others included. */
  size: number;
}

/** How long a question may take, milliseconds. */
const patience = 60_000;
/** How long the daemon may be silent while it packs or unpacks images, milliseconds: it does so on its disk first. */
const silence = 15 * 60_000;

/** What `docker info` says of where images are kept. */
const storeSchema = z.array(z.array(z.string()));
const containerdStore = "io.containerd.snapshotter.v1";

/** The images of a Docker daemon, as far as carrying them needs. Nothing is ever pulled. */
export class ImageDaemon {
  readonly #docker: Docker;

  constructor(docker: Docker) {
    this.#docker = docker;
  }

  /** @throws Error where images cannot be carried by their ids: in containerd's store the same image has another one */
  async requireIds(): Promise<void> {
    const { DriverStatus } = await ask(patience, () => this.#docker.info());
    if (storeSchema.parse(DriverStatus ?? []).some(([, value]) => value === containerdStore)) {
      throw new Error(
        "the Docker daemon keeps its images in containerd's store; see docs/BUNDLES.md, By hand",
      );
    }
  }

  async platform(): Promise<Platform> {
    const { Os, Arch } = await ask(patience, () => this.#docker.version());
    return { os: Os, architecture: Arch };
  }

  /** @returns undefined when there is none of that id or name */
  async find(name: string): Promise<PresentImage | undefined> {
    const found = await askUnless([404], patience, () => this.#docker.getImage(name).inspect());
    if (found === undefined) return undefined;
    return {
      id: found.Id,
      platform: { os: found.Os, architecture: found.Architecture },
      layers: found.RootFS.Layers ?? [],
      size: found.Size,
    };
  }

  /** The ids of the controller images there are, by the name a version's container gives them. */
  async controllers(): Promise<Map<string, string>> {
    const images = await ask(patience, () => this.#docker.listImages());
    return new Map(controllerImages(images).map(({ name, digest }) => [name, digest]));
  }

  /** The chains of all layers there are, also those of images without a name. */
  async chains(): Promise<Set<string>> {
    const all = new Set<string>();
    for (const { Id } of await ask(patience, () => this.#docker.listImages({ all: true }))) {
      // It may be gone by now.
      const image = await this.find(Id);
      for (const chain of chains(image?.layers ?? [])) all.add(chain);
    }
    return all;
  }

  /** The archive `docker save` writes, of several images at once. */
  async *save(ids: readonly string[], signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const guard = new SilenceGuard(signal, silence);
    try {
      const options = { _query: { names: ids }, abortSignal: guard.signal };
      // Types know only the way to save one.
      const archive = await (this.#docker as Docker & Exporting).getImages(options);
      yield* guard.pass(bytesOf(archive));
    } catch (error) {
      guard.signal.throwIfAborted();
      throw new Error(`the daemon cannot pack the images: ${reason(error)}`, { cause: error });
    } finally {
      guard.end();
    }
  }

  /**
   * Hands the daemon an archive as `docker load` does.
   * @throws Error with the daemon's reason when it does not take it; what the archive itself ends in
   */
  async load(archive: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const broken = new AbortController();
    const guard = new SilenceGuard(AbortSignal.any([signal, broken.signal]), silence);
    const body = Readable.from(guard.pass(archive), { objectMode: false });
    // The client would wait for the rest for ever, and the daemon with it.
    body.once("error", (error) => broken.abort(error));
    try {
      const options = { _query: { quiet: "false" }, abortSignal: guard.signal };
      const answer = await this.#docker.loadImage(body, options);
      for await (const line of linesOf(guard.pass(bytesOf(answer)))) {
        const { error } = loadEvent.parse(JSON.parse(line));
        if (error !== undefined) throw new Error(error);
      }
    } catch (error) {
      guard.signal.throwIfAborted();
      throw new Error(`the daemon does not take the image: ${reason(error)}`, { cause: error });
    } finally {
      guard.end();
      body.destroy();
    }
  }

  /** Gives an image a further name; the image that had it loses it. */
  async tag(id: string, reference: string): Promise<void> {
    const colon = reference.lastIndexOf(":");
    const [repo, tag] = [reference.slice(0, colon), reference.slice(colon + 1)];
    await ask(patience, () => this.#docker.getImage(id).tag({ repo, tag }));
  }
}

/** What the types of dockerode leave out. */
interface Exporting {
  getImages(options: object): Promise<NodeJS.ReadableStream>;
}

/** One line of what the daemon says while it loads. */
const loadEvent = z.object({ error: z.string().optional() });

async function* bytesOf(stream: NodeJS.ReadableStream): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) yield Buffer.from(chunk);
}

async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const lines = createInterface({ input: Readable.from(source, { objectMode: false }) });
  for await (const line of lines) if (line.trim() !== "") yield line;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
