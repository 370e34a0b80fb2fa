import type { Logger } from "pino";
import type { ArtifactStore, KeptArtifact } from "../store/artifacts.ts";
import type { BuildStore } from "../store/builds.ts";

/** Time between two looks over the artifacts, milliseconds. */
const interval = 60_000;

/** Outcomes that do not repeat themselves are fetched once, by whoever waited for them. Milliseconds. */
const onceFetched = 24 * 60 * 60 * 1000;

/** Whoever asked for an artifact this young may be fetching it just now. Milliseconds. */
const justPublished = 10 * 60 * 1000;

/** A name longer than by its key alone is that of an outcome which does not repeat itself. */
const ofItsOwn = /-[0-9a-f]{65,}_error\.zip$/;

/**
 * Which artifacts are to go: outcomes that do not repeat themselves, after a day; then the oldest of the others, until
 * those that stay take no more than `most` bytes.
 * @param most bytes; 0: no limit
 * @param now milliseconds since 1970
 */
export function expired(artifacts: readonly KeptArtifact[], most: number, now: number): KeptArtifact[] {
  const isOver = ({ name, published }: KeptArtifact) => ofItsOwn.test(name) && now - published > onceFetched;
  const gone = artifacts.filter(isOver);
  const rest = artifacts.filter((artifact) => !isOver(artifact)).sort((a, b) => a.published - b.published);
  let bytes = rest.reduce((sum, artifact) => sum + artifact.bytes, 0);
  for (const artifact of rest) {
    if (most === 0 || bytes <= most || now - artifact.published < justPublished) break;
    gone.push(artifact);
    bytes -= artifact.bytes;
  }
  return gone;
}

export interface RetentionParts {
  artifacts: ArtifactStore;
  builds: BuildStore;
  logger: Logger;
}

/** Keeps the artifacts within their bounds. What is deleted is built again when somebody asks for it. */
export class Retention {
  readonly #parts: RetentionParts;
  readonly #most: number;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param most bytes of all artifacts together; 0: no limit */
  constructor(parts: RetentionParts, most: number) {
    this.#parts = parts;
    this.#most = most;
  }

  /** Looks them over now and from then on; returns after the first time. Never rejects. */
  async start(): Promise<void> {
    await this.#sweep();
    if (!this.#stopped) this.#timer = setTimeout(() => this.start(), interval).unref();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #sweep(): Promise<void> {
    const { artifacts, builds, logger } = this.#parts;
    try {
      const gone = expired(await artifacts.list(), this.#most, Date.now());
      for (const { name } of gone) {
        builds.forget(name);
        await artifacts.remove(name);
      }
      if (gone.length > 0) logger.info({ artifacts: gone.length }, "deleted artifacts whose time was over");
    } catch (error) {
      logger.warn({ err: error }, "artifacts cannot be deleted");
    }
  }
}
