import fc from "fast-check";
import { bases, type Document, demoDocument } from "./documents.ts";

/** Keys that JavaScript treats in its own way, among ordinary ones. */
export const trickyKey = fc.oneof(
  fc.constantFrom(
    "__proto__",
    "constructor",
    "toString",
    "0",
    "-0",
    "01",
    "1e3",
    "4294967294",
    "4294967295",
    "",
  ),
  fc.nat().map(String),
  fc.bigInt({ min: 0n, max: 10n ** 20n }).map(String),
  fc.string({ unit: "binary", maxLength: 8 }),
);

/** Any value JSON can hold, objects with `__proto__` included. */
export const jsonValue = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(null, true, false, -0, 1e21, 5e-324, Number.MAX_VALUE),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.array(fc.tuple(trickyKey, tie("value")), { maxLength: 6 }).map(Object.fromEntries),
  ),
})).value;

const space = fc.string({ unit: fc.constantFrom(" ", "\n", "\t", "\r"), maxLength: 3 });

/** A JSON text of the value, with white space wherever it may stand. */
export function spaced(value: unknown): fc.Arbitrary<string> {
  const tokens = JSON.stringify(value).match(/"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^"{}[\]:,]+/g) ?? [];
  return fc
    .array(space, { minLength: tokens.length + 1, maxLength: tokens.length + 1 })
    .map((gaps) => gaps.reduce((text, gap, index) => text + gap + (tokens[index] ?? ""), ""));
}

/** The same value with the members of its objects in another order. */
export function shuffled(value: unknown): fc.Arbitrary<unknown> {
  if (Array.isArray(value)) return fc.tuple(...value.map(shuffled));
  if (typeof value !== "object" || value === null) return fc.constant(value);
  const members = Object.entries(value).map(([key, member]) =>
    shuffled(member).map((changed): [string, unknown] => [key, changed]),
  );
  return fc
    .tuple(...members)
    .chain((entries) =>
      fc.shuffledSubarray(entries, { minLength: entries.length, maxLength: entries.length }),
    )
    .map((entries) => Object.fromEntries(entries));
}

const line = fc.string({ unit: fc.constantFrom(..."aZ 0#:;,()[]\\'é€💡"), maxLength: 12 });
const plainKey = line.filter((text) => !text.startsWith("#:"));
const action = fc.oneof(
  plainKey,
  plainKey.map((text) => `CONS:${text}`),
  plainKey.map((text) => `SYS:${text}`),
  fc.tuple(line, fc.constantFrom('"', "\t", "")).map(([text, more]) => `#:${text}${more}`),
  fc.constantFrom("#:ledControl( 0, 15 )", "#:ledControl( 9 )", "#:animation_control( 1 )"),
);
const freeText = fc.string({ unit: fc.constantFrom(...'ab"\n\r\t\0;#€💡'), maxLength: 20 });
const layer = fc.oneof({ weight: 5, arbitrary: fc.nat(3) }, fc.nat(255)).map(String);
const animation = fc.record({
  settings: line,
  frames: fc.array(
    fc.oneof(
      line,
      line.map((text) => `#${text}`),
    ),
    { maxLength: 4 },
  ),
});
const animationId = trickyKey.map((id) => id.toWellFormed().replace(/[\p{Cc}\u2028\u2029\]]/gu, "_"));

function plainMap<V>(key: fc.Arbitrary<string>, value: fc.Arbitrary<V>, maxLength: number) {
  return fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name, maxLength });
}

const demoKeys = (bases["Demo-Plain.json"] as { matrix: unknown[] }).matrix.length;

const parts = fc.record({
  author: line,
  variant: fc.option(fc.string({ unit: fc.constantFrom(..."aZ9._- "), maxLength: 8 })),
  layers: fc.array(fc.dictionary(layer, fc.record({ key: action }), { minKeys: 1, maxKeys: 3 }), {
    minLength: 1,
    maxLength: demoKeys,
  }),
  defines: fc.array(fc.record({ name: line, value: line }), { maxLength: 3 }),
  custom: plainMap(layer, freeText, 3),
  animations: plainMap(animationId, animation, 5),
});

type Animations = [id: string, animation: { settings: string; frames: string[] }][];

/** Puts animations into a document's text in the place of their name: an object would lose their order. */
export function insertAnimations(text: string, animations: Animations): string {
  const members = animations.map(([id, value]) => `${JSON.stringify(id)}:${JSON.stringify(value)}`);
  return text.replace('"ANIMATIONS"', () => `{${members.join(",")}}`);
}

/** A sound document with what can be in it: `text` is the whole, `document` lacks the animations. */
export const soundDocument = parts.map(({ author, variant, layers, defines, custom, animations }) => {
  const document: Document = {
    ...demoDocument(),
    matrix: layers.map((keys, index) => ({ code: `0x0${index}`, layers: keys })),
    defines,
    custom: Object.fromEntries(custom),
    animations: "ANIMATIONS",
  };
  document.header.Author = author;
  document.header.Variant = variant;
  return { text: insertAnimations(JSON.stringify(document), animations), document, animations };
});

/** Where a value stands: the keys that lead to it. */
function places(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [path];
  const entries = Array.isArray(value)
    ? value.map((item, index) => [index, item] as const)
    : Object.entries(value);
  return [path, ...entries.flatMap(([key, member]) => places(member, [...path, key]))];
}

function replaced(value: unknown, [key, ...rest]: (string | number)[], fresh: unknown): unknown {
  if (key === undefined) return fresh;
  if (Array.isArray(value))
    return value.map((item, index) => (index === key ? replaced(item, rest, fresh) : item));
  return Object.fromEntries(
    Object.entries(value as object).map(([name, member]) => [
      name,
      name === key ? replaced(member, rest, fresh) : member,
    ]),
  );
}

/** The sound document with any one, two or three of its values replaced by anything. */
export const mutatedDocument = fc
  .array(fc.tuple(fc.nat(), jsonValue), { minLength: 1, maxLength: 3 })
  .map((changes) =>
    changes.reduce<unknown>((document, [pick, fresh]) => {
      const all = places(document);
      return replaced(document, all[pick % all.length] ?? [], fresh);
    }, demoDocument()),
  );
