/** What containers may be kept warm for: an image under certain limits. */
export interface Kind {
  /** Equal for containers of which one can stand in for the other. */
  key: string;
  image: { name: string; digest: string };
}

export interface WarmthOptions {
  /** Containers kept of each kind; 0: none of any. */
  size: number;
  /** A kind that was not used for this long is given up. */
  idleMilliseconds: number;
}

/** Kinds kept warm at once; beyond it the least recently used is given up. */
const mostKinds = 4;
/** An image whose waiting containers end by themselves this often, none of them used in between, is warmed no more. */
const mostDeaths = 3;

interface Used<K> {
  kind: K;
  at: number;
}

/** Decides what is kept warm. Pure: it is told the time (milliseconds) and what happens, and touches nothing. */
export class Warmth<K extends Kind> {
  readonly #size: number;
  readonly #idle: number;
  /** By key, the least recently used first. */
  readonly #used = new Map<string, Used<K>>();
  /** Of an image's digest: how many of its containers in a row ended while they waited. */
  readonly #deaths = new Map<string, number>();

  constructor({ size, idleMilliseconds }: WarmthOptions) {
    this.#size = size;
    this.#idle = idleMilliseconds;
  }

  /** A build of this kind came. An image of the same name but other content has been replaced by this one. */
  use(kind: K, now: number): void {
    const { name, digest } = kind.image;
    for (const { kind: other } of this.#used.values()) {
      if (other.image.name !== name || other.image.digest === digest) continue;
      this.forget(other);
      this.#deaths.delete(other.image.digest);
    }
    this.#used.delete(kind.key);
    this.#used.set(kind.key, { kind, at: now });
    const [oldest] = this.#used.values();
    if (oldest !== undefined && this.#used.size > mostKinds) this.forget(oldest.kind);
  }

  /** Nothing is kept of this kind until it is used again. */
  forget({ key }: K): void {
    this.#used.delete(key);
  }

  /** A container of this kind was taken by a build. */
  served({ image }: K): void {
    this.#deaths.delete(image.digest);
  }

  /**
   * A container of this kind ended while it waited, by its image's own doing.
   * @returns whether that was once too often: the image is not warmed any more
   */
  died({ image }: K): boolean {
    const deaths = (this.#deaths.get(image.digest) ?? 0) + 1;
    this.#deaths.set(image.digest, deaths);
    return deaths === mostDeaths;
  }

  /** The kinds to keep at this time, the most recently used first, each with the number of its containers. */
  wanted(now: number): { kind: K; count: number }[] {
    return this.#warm(now).map(({ kind }) => ({ kind, count: this.#size }));
  }

  /** Milliseconds until one more kind will have been idle for too long; undefined if none will. */
  untilIdle(now: number): number | undefined {
    const left = this.#warm(now).map(({ at }) => at + this.#idle - now);
    return left.length === 0 ? undefined : Math.min(...left);
  }

  #warm(now: number): Used<K>[] {
    const isSpoilt = ({ image }: K) => (this.#deaths.get(image.digest) ?? 0) >= mostDeaths;
    return [...this.#used.values()]
      .reverse()
      .filter(({ kind, at }) => now - at < this.#idle && !isSpoilt(kind));
  }
}
