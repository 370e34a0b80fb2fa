/** What is wrong with one value of a request: where it stands (a JSON path) and why it cannot be. */
export interface Complaint {
  /** Path in the posted request, e.g. `config.matrix[12].layers.1.key`; empty for the request as a whole. */
  path: string;
  /** Of a value that is a text of many lines: the line, from 1. The message names it, too. */
  line?: number;
  message: string;
}

/** The kinds of problem a caller may see, each with the HTTP status it is answered with. */
export const problemStatus = {
  "bad-request": 400,
  "bad-json": 400,
  "bad-layout": 400,
  "unknown-version": 400,
  "key-required": 401,
  "bad-key": 401,
  "wrong-scope": 403,
  "not-found": 404,
  "method-not-allowed": 405,
  "body-too-large": 413,
  "unsupported-media": 415,
  "queue-full": 429,
  "rate-limited": 429,
  "image-missing": 503,
  "runner-unavailable": 503,
  "shutting-down": 503,
  draining: 503,
  "storage-low": 503,
  "storage-failed": 507,
  internal: 500,
} as const;

export type ProblemCode = keyof typeof problemStatus;

/**
 * An error whose message is meant for the person who sent the request.
 * Anything else that is thrown counts as `internal` and is shown without its text.
 */
export class Problem extends Error {
  readonly code: ProblemCode;
  readonly complaints: Complaint[];
  /** Seconds after which trying again makes sense. */
  readonly retryAfter: number | undefined;

  constructor(
    code: ProblemCode,
    message: string,
    more: { complaints?: Complaint[]; retryAfter?: number; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = "Problem";
    this.code = code;
    this.complaints = more.complaints ?? [];
    this.retryAfter = more.retryAfter;
  }

  get status(): number {
    return problemStatus[this.code];
  }
}

/** Keys are the sender's and may be millions of characters long; a complaint about them is not. */
const longestPath = 200;

/**
 * Formats the keys of a path the way complaints show it: `["matrix", 12, "layers", "1"]` -> `matrix[12].layers.1`,
 * cut after 200 characters.
 */
export function jsonPath(...keys: readonly PropertyKey[]): string {
  let path = "";
  for (const key of keys) {
    if (typeof key === "number") path += `[${key}]`;
    else path += (path === "" ? "" : ".") + String(key).slice(0, longestPath);
  }
  return path.slice(0, longestPath).toWellFormed();
}

/** What a check gives: the value, or everything that is wrong with it. */
export type Checked<T> = { ok: true; value: T } | { ok: false; complaints: Complaint[] };
