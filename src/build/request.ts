import { Problem } from "../errors.ts";
import { defaultVersion } from "../firmware/versions.ts";
import { isObject, type JsonObject, type JsonValue, parseJson } from "../layout/json.ts";
import type { PlanRequest } from "./plan.ts";

/** Where the layout stands in what clients post: `{ "config": <layout>, "env": <version> }`. */
export const layoutRoot = "config";

const bareLayout = `is missing: this is a layout; post { "${layoutRoot}": <layout>, "env": "${defaultVersion}" }`;

/**
 * Reads the body that clients post.
 * @throws Problem `bad-json` (not JSON), `bad-request` (no such object)
 */
export function parseBuildRequest(body: Uint8Array): PlanRequest {
  const { text, value, complaints, members } = parseJson(body);
  if (!isObject(value)) throw badRequest("", "must be an object { config, env }");
  const { [layoutRoot]: document, env = defaultVersion } = value;
  const span = members.get(layoutRoot);
  if (document === undefined || !span) {
    throw badRequest(layoutRoot, resemblesLayout(value) ? bareLayout : "is missing");
  }
  if (typeof env !== "string") throw badRequest("env", "must be text, a channel or version");
  return { document, documentText: text.slice(...span), root: layoutRoot, version: env, complaints };
}

/** Whether a JSON value is most likely what clients post, and not the layout in it. */
export function resemblesRequest(value: JsonValue): boolean {
  return isObject(value) && layoutRoot in value && !resemblesLayout(value);
}

function resemblesLayout(value: JsonObject): boolean {
  return "header" in value || "matrix" in value;
}

function badRequest(path: string, message: string): Problem {
  return new Problem("bad-request", "the request cannot be read", { complaints: [{ path, message }] });
}
