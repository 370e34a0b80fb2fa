import { type Checked, Problem } from "../errors.ts";
import { isObject, type JsonValue, parseJson } from "./json.ts";
import { checkBase, checkLayout, type Header, type LayoutKey } from "./schema.ts";

/** What a layout file says of itself. */
export interface LayoutFacts {
  /** Null for a base layout that is keys and nothing else. */
  header: Header | null;
  keys: number;
  /** Layers it becomes: up to the highest one used. */
  layers: number;
}

/** Checks the bytes of a layout file as a document that is posted would be; one without a header as a base layout. */
export function inspectLayout(bytes: Uint8Array): Checked<LayoutFacts> {
  try {
    const { value, complaints } = parseJson(bytes);
    const checked = isObject(value) && "header" in value ? checkWhole(value) : checkKeys(value);
    if (complaints.length === 0) return checked;
    return { ok: false, complaints: [...complaints, ...(checked.ok ? [] : checked.complaints)] };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { ok: false, complaints: [{ path: "", message: error.message }] };
  }
}

function checkWhole(document: JsonValue): Checked<LayoutFacts> {
  const checked = checkLayout(document, "");
  if (!checked.ok) return checked;
  const { header, matrix } = checked.value;
  return { ok: true, value: { header, keys: matrix.length, layers: countLayers(matrix) } };
}

function checkKeys(document: JsonValue): Checked<LayoutFacts> {
  const checked = checkBase(document);
  if (!checked.ok) return checked;
  const { matrix } = checked.value;
  return { ok: true, value: { header: null, keys: matrix.length, layers: countLayers(matrix) } };
}

function countLayers(keys: LayoutKey[]): number {
  let highest = -1;
  for (const key of keys) for (const layer of key.layers.keys()) highest = Math.max(highest, layer);
  return highest + 1;
}
