import { z } from "zod";
import { type Checked, type Complaint, jsonPath } from "../errors.ts";
import { documentOrder, type JsonObject, type JsonValue, maxComplaints } from "./json.ts";

/**
 * The shape of a layout document and the limits on its values. Every value that reaches a KLL file is checked here
 * for what could break out of its quotes or its line; `custom` alone is free text. Unknown members are allowed.
 */

/** Layers beyond this exist on no keyboard; each one up to the highest becomes a file. */
export const highestLayer = 255;
/** Header values stand in the file of every layer, animation ids in every frame: they must not multiply. */
const headerLength = 1024;
const nameLength = 64;
/** Each line is kept with its origin: text of nothing but line breaks must not become millions of them. */
const mostLines = 100_000;

const quoteBreaker = /["\p{Cc}\u2028\u2029]/u;
const lineBreaker = /[^\P{Cc}\t]|[\u2028\u2029]/u;

const quoted = z
  .string()
  .refine((text) => !quoteBreaker.test(text), "must hold no quote and no control character");
const oneLine = z
  .string()
  .refine((text) => !lineBreaker.test(text), "must be one line without control characters");
/** One line; or a list of pixels, broken after its commas (the Kira's own animations are written that way). */
const frame = z.string().refine((text) => {
  const joined = text.startsWith("#") ? text : text.replace(/,[\t ]*\n/g, ",");
  return !lineBreaker.test(joined);
}, "must be one line without control characters; a list may be broken after a comma");
const headerText = quoted.max(headerLength, `is longer than ${headerLength} characters`);

/** A part of file names: what can neither leave a directory nor split a list of maps. */
const namePart = z
  .string()
  .max(nameLength, `is longer than ${nameLength} characters`)
  .regex(/^[A-Za-z0-9._ -]*$/, "may hold only letters A-Z a-z, digits, '.', '_', '-' and spaces");
const requiredNamePart = namePart.min(1, "must not be empty");

/**
 * A list that is no longer looked at once it has more mistakes than are told: zod's own array would copy
 * a million of them from level to level, for seconds, until the call stack ends it.
 */
function list<V>(schema: z.ZodType<V>) {
  return z.unknown().transform((input, context): V[] => {
    if (!Array.isArray(input)) {
      context.addIssue({ code: "invalid_type", expected: "array", input });
      return [];
    }
    const items: V[] = [];
    for (let index = 0; index < input.length && context.issues.length <= maxComplaints; index++) {
      const parsed = schema.safeParse(input[index], { error: wording });
      if (parsed.success) items.push(parsed.data);
      else addIssues(context, index, parsed.error.issues);
    }
    return items;
  });
}

function addIssues(context: z.RefinementCtx, key: PropertyKey, issues: z.core.$ZodIssue[]): void {
  for (const issue of issues) context.addIssue({ ...issue, path: [key, ...issue.path] });
}

/**
 * An object used as a map, in document order, whatever its keys are called (zod's own record skips `__proto__`).
 * Like a list it is given up after too many mistakes.
 * `parseKey` gives the key's value, or undefined for a key that cannot be.
 */
function dictionary<K, V>(
  parseKey: (key: string) => K | undefined,
  keyMessage: string,
  schema: z.ZodType<V>,
) {
  return z.unknown().transform((input, context): Map<K, V> => {
    const entries = new Map<K, V>();
    if (typeof input !== "object" || input === null || Array.isArray(input)) {
      context.addIssue({ code: "invalid_type", expected: "object", input });
      return entries;
    }
    const object = input as JsonObject;
    for (const name of documentOrder(object)) {
      if (context.issues.length > maxComplaints) break;
      const key = parseKey(name);
      const parsed = schema.safeParse(object[name], { error: wording });
      if (key === undefined) context.addIssue({ code: "custom", message: keyMessage, path: [name] });
      if (!parsed.success) addIssues(context, name, parsed.error.issues);
      else if (key !== undefined) entries.set(key, parsed.data);
    }
    return entries;
  });
}

function layerNumber(key: string): number | undefined {
  return /^(?:0|[1-9]\d{0,2})$/.test(key) && Number(key) <= highestLayer ? Number(key) : undefined;
}

function byLayer<V>(schema: z.ZodType<V>) {
  return dictionary(layerNumber, `the key must be a plain layer number from 0 to ${highestLayer}`, schema);
}

const anyNumber = z.number().nullish();

/** A plain key stands between quotes; a capability (`#:…`) stands as it is and must keep to its line. */
const action = z.string().superRefine((text, context) => {
  const rule = text.startsWith("#:") ? oneLine : quoted;
  const parsed = rule.safeParse(text);
  if (!parsed.success)
    context.addIssue({ code: "custom", message: parsed.error.issues[0]?.message ?? "is invalid" });
});

const keySchema = z.looseObject({
  code: z.string(),
  x: anyNumber,
  y: anyNumber,
  w: anyNumber,
  h: anyNumber,
  layers: byLayer(z.looseObject({ key: action, label: z.string().nullish() })),
  triggers: byLayer(z.looseObject({ action: z.string(), label: z.string(), type: z.string() })).nullish(),
});

export const headerSchema = z.looseObject({
  Name: requiredNamePart,
  Variant: namePart.nullish(),
  Layout: requiredNamePart,
  Base: namePart,
  Version: headerText,
  Author: headerText,
  KLL: headerText,
  Date: headerText,
  Generator: headerText,
});

const animationSchema = z.looseObject({
  settings: oneLine,
  frames: list(frame),
  type: z.string().nullish(),
});

const cannedSchema = z.looseObject({
  settings: z.string(),
  type: z.string(),
  description: z.string(),
  configurable: list(z.unknown()),
  frames: list(z.string()),
  "custom-kll": z.string().nullish(),
});

function countLines(texts: Iterable<string>): number {
  let lines = 0;
  for (const text of texts) {
    lines++;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lines++;
  }
  return lines;
}

function animationId(key: string): string | undefined {
  return key.length <= headerLength / 8 && !lineBreaker.test(key) && !key.includes("]") ? key : undefined;
}

const layoutSchema = z.looseObject({
  header: headerSchema,
  matrix: list(keySchema).refine((keys) => keys.length > 0, "must hold at least one key"),
  custom: byLayer(z.string())
    .refine((texts) => countLines(texts.values()) <= mostLines, `holds more than ${mostLines} lines`)
    .nullish(),
  animations: dictionary(animationId, "the id must be one short line without ']'", animationSchema)
    .refine(
      (animations) => countLines([...animations.values()].flatMap(({ frames }) => frames)) <= mostLines,
      `holds more than ${mostLines} lines`,
    )
    .nullish(),
  canned: dictionary((key) => key, "", cannedSchema).nullish(),
  defines: list(z.looseObject({ name: quoted, value: quoted })).nullish(),
  leds: list(
    z.looseObject({ id: z.number(), x: z.number(), y: z.number(), scanCode: z.string().nullish() }),
  ).nullish(),
});

/** What a base layout is asked for: its keys. */
const baseSchema = z.looseObject({ matrix: list(keySchema) });

export type Layout = z.output<typeof layoutSchema>;
export type Header = z.output<typeof headerSchema>;
export type LayoutKey = z.output<typeof keySchema>;
export type BaseLayout = z.output<typeof baseSchema>;

/** Checks a posted document. Paths of complaints begin with `root`, its place in the request. */
export function checkLayout(value: JsonValue, root: string): Checked<Layout> {
  return check(layoutSchema, value, root);
}

export function checkHeader(value: JsonValue | undefined, root: string): Checked<Header> {
  return check(headerSchema, value, root);
}

export function checkBase(value: JsonValue): Checked<BaseLayout> {
  return check(baseSchema, value, "");
}

function check<T>(schema: z.ZodType<T>, value: unknown, root: string): Checked<T> {
  const parsed = schema.safeParse(value, { error: wording });
  if (parsed.success) return { ok: true, value: parsed.data };
  const prefix = root === "" ? [] : root.split(".");
  const complaints: Complaint[] = parsed.error.issues
    .slice(0, maxComplaints)
    .map((issue) => ({ path: jsonPath(...prefix, ...issue.path), message: issue.message }));
  if (parsed.error.issues.length > maxComplaints)
    complaints.push({ path: root, message: "and more mistakes" });
  return { ok: false, complaints };
}

const kinds: Record<string, string> = {
  string: "text",
  number: "a number",
  array: "a list",
  object: "an object",
};

/** Words for the issues zod raises itself, as a person would put them. */
function wording(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== "invalid_type") return undefined;
  if (issue.input === undefined) return "is missing";
  return `must be ${kinds[issue.expected] ?? issue.expected}`;
}
