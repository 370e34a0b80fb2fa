import { createHash } from "node:crypto";
import { canonicalJson } from "../layout/json.ts";
import type { BuildSpec } from "./spec.ts";

/** Goes up whenever the same spec would be packed into different bytes, so that old cache entries end. */
const keyVersion = 2;

/**
 * The cache key of a spec: SHA-256 (64 hex digits) of its canonical form.
 *
 * The layout document counts by value: white space and the order of keys do not matter (the order of animations
 * does, it is in the KLL files). Limits count: a build that failed for lack of processes or space is the compiler's
 * failure to all who look, and must not be the answer when the limit was raised.
 */
export function buildKey(spec: BuildSpec): string {
  const files = spec.files.map((file) =>
    file.name === spec.document ? { name: file.name, value: JSON.parse(file.text) } : file,
  );
  return createHash("sha256")
    .update(`kiisrv build key ${keyVersion}\n`)
    .update(canonicalJson({ ...spec, files }))
    .digest("hex");
}
