import { Problem } from "../errors.ts";
import { defaultVersion } from "../firmware/versions.ts";
import { isObject, parseJson } from "../layout/json.ts";
import type { PlanRequest } from "./plan.ts";

/** Where the layout stands in what clients post: `{ "config": <layout>, "env": <version> }`. */
export const layoutRoot = "config";

/**
 * Reads the body that clients post.
 * @throws Problem `bad-json` (not JSON), `bad-request` (no such object)
 */
export function parseBuildRequest(body: Uint8Array): PlanRequest {
  const { text, value, complaints, members } = parseJson(body);
  if (!isObject(value)) throw badRequest("", "must be an object { config, env }");
  const { [layoutRoot]: document, env = defaultVersion } = value;
  const span = members.get(layoutRoot);
  if (document === undefined || !span) throw badRequest(layoutRoot, "is missing");
  if (typeof env !== "string") throw badRequest("env", "must be text, a channel or version");
  return { document, documentText: text.slice(...span), root: layoutRoot, version: env, complaints };
}

function badRequest(path: string, message: string): Problem {
  return new Problem("bad-request", "the request cannot be read", { complaints: [{ path, message }] });
}
