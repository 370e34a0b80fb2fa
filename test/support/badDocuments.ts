import { body, type Document, demoDocument } from "./documents.ts";

/** A request that must be refused, with nothing started. The library it is meant for is `bases` of documents.ts. */
export interface BadRequest {
  name: string;
  /** The whole body of the POST. */
  body(): Buffer;
  status: 400 | 413;
  code: string;
  /** Where all its complaints point; absent where the request cannot be read at all. */
  path?: string;
  /** Refused for its size alone, before anything looks at it. */
  oversized?: true;
}

type Change = (document: Document) => void;

/** The sound document with one change; its complaints all point to `path`. */
function changed(name: string, path: string, change: Change): BadRequest {
  const bytes = () => {
    const document = demoDocument();
    change(document);
    return body(document);
  };
  return { name, body: bytes, status: 400, code: "bad-layout", path };
}

function raw(name: string, code: string, bytes: () => string | Buffer, path?: string): BadRequest {
  return {
    name,
    body: () => Buffer.from(bytes()),
    status: 400,
    code,
    ...(path === undefined ? {} : { path }),
  };
}

/** The sound body with a piece of its text replaced by other bytes. */
function spliced(name: string, code: string, old: string, fresh: string | Buffer, path?: string): BadRequest {
  const sound = body(demoDocument());
  const at = sound.indexOf(old);
  if (at < 0) throw new Error(`the sound body holds no ${old}`);
  const parts = [sound.subarray(0, at), Buffer.from(fresh), sound.subarray(at + Buffer.byteLength(old))];
  return raw(name, code, () => Buffer.concat(parts), path);
}

function header(member: string, value: unknown, why: string): BadRequest {
  return changed(`header ${member}: ${why}`, `config.header.${member}`, (document) => {
    document.header[member] = value;
  });
}

/** The sound document with a member of its own replaced, and the complaint somewhere below it. */
function member(name: string, value: unknown, below = ""): BadRequest {
  const shown = JSON.stringify(value).slice(0, 50);
  return changed(`${name}: ${shown}`, `config.${name}${below}`, (document) => {
    document[name] = value;
  });
}

function firstKey(name: string, below: string, value: object): BadRequest {
  return changed(`key: ${name}`, `config.matrix[0]${below}`, (document) => {
    Object.assign(document.matrix[0] ?? {}, value);
  });
}

const evilNames: [why: string, text: string][] = [
  ["a path upwards", "../Demo"],
  ["a directory", "a/b"],
  ["a backslash", "a\\b"],
  ["a quote", 'a"b'],
  ["a line break", "a\nb"],
  ["a line break at its end", "a\n"],
  ["a semicolon", "a;b"],
  ["a letter beyond ASCII", "Dëmo"],
  ["NUL", "a\0b"],
  ["a dollar", "$(reboot)"],
  ["thousands of characters", "a".repeat(5000)],
];

const names = ["Name", "Variant", "Layout", "Base"].flatMap((part) =>
  evilNames.map(([why, text]) => header(part, text, why)),
);

const headers: BadRequest[] = [
  header("Name", "Nonesuch", "no board"),
  header("Name", "__proto__", "no board, a member of every object"),
  header("Base", "Nonesuch", "not in the library"),
  header("Base", "", "empty"),
  header("Name", "", "empty"),
  header("Layout", "", "empty"),
  header("Layout", null, "null"),
  header("Name", 5, "a number"),
  header("Version", undefined, "missing"),
  ...["Version", "Author", "KLL", "Date", "Generator"].flatMap((value) => [
    header(value, 'a"; Name = "b', "a quote"),
    header(value, "a\nb", "a line break"),
    header(value, "a\x7fb", "a control character"),
  ]),
  header("Author", "x".repeat(1025), "too long"),
];

const layerKeys = ["01", "+1", "-1", "1.5", " 1", "1 ", "1e0", "", "0x1", "١", "256", "99999999999999999999"]
  .concat(["constructor", "toString", "hasOwnProperty"])
  .flatMap((layer) => [
    firstKey(`layer ${JSON.stringify(layer)}`, `.layers.${layer}`, { layers: { [layer]: { key: "A" } } }),
    changed(`custom layer ${JSON.stringify(layer)}`, `config.custom.${layer}`, (document) => {
      document.custom = { [layer]: "" };
    }),
  ]);

function action(why: string, key: unknown): BadRequest {
  return firstKey(why, ".layers.0.key", { layers: { 0: { key } } });
}

const values: BadRequest[] = [
  action("an action with a quote", 'A" : U"B'),
  action("an action with a line break", "A\nB"),
  action("an action with a control character", "A\x1bB"),
  action("a consumer action with a quote", 'CONS:"'),
  action("a capability with a line feed", "#:a();\nU"),
  action("a capability with a carriage return", "#:a()\rb"),
  action("a capability with a line separator", "#:a()\u2028b"),
  action("a number", 4),
  action("null", null),
  ...['a"b', "a\nb", "a\0b"].flatMap((text) => [
    member("defines", [{ name: text, value: "1" }], "[0].name"),
    member("defines", [{ name: "a", value: text }], "[0].value"),
  ]),
  member("animations", { a: { settings: "s\nt", frames: [] } }, ".a.settings"),
  member("animations", { a: { settings: "s", frames: ["f", "g\nh"] } }, ".a.frames[1]"),
  member("animations", { a: { settings: "s", frames: ["# raw\nA"] } }, ".a.frames[0]"),
  member("animations", { "a\nb": { settings: "s", frames: ["f"] } }, ".a\nb"),
  member("animations", { "a]b": { settings: "s", frames: ["f"] } }, ".a]b"),
];

const shapes: BadRequest[] = [
  ...[null, [], "text", 5, true].map((config) => ({
    ...raw(`config: ${JSON.stringify(config)}`, "bad-layout", () => body(config)),
    path: "config",
  })),
  changed("header: missing", "config.header", (document) => Reflect.deleteProperty(document, "header")),
  member("header", []),
  changed("matrix: missing", "config.matrix", (document) => Reflect.deleteProperty(document, "matrix")),
  member("matrix", {}),
  member("matrix", null),
  member("matrix", []),
  member("matrix", [null], "[0]"),
  member("matrix", [[]], "[0]"),
  changed("a matrix longer than its base", "config.matrix[3]", (document) => {
    document.matrix = Array.from({ length: 5 }, () => ({ code: "0x01", layers: { 0: { key: "A" } } }));
  }),
  changed("a base key without layer 0", "config.matrix[0]", (document) => {
    document.header.Base = "Holes";
    document.matrix.pop();
  }),
  changed("no key with an action", "config.matrix", (document) => {
    document.matrix = [{ code: "0x01", layers: {} }];
  }),
  changed("no key of a WhiteFox matched", "config.matrix", (document) => {
    document.header.Name = "WhiteFox";
    for (const key of document.matrix) key.code = "0xFF";
  }),
  firstKey("no code", ".code", { code: undefined }),
  firstKey("code a number", ".code", { code: 1 }),
  firstKey("x text", ".x", { x: "0" }),
  firstKey("layers a list", ".layers", { layers: [] }),
  firstKey("layers null", ".layers", { layers: null }),
  firstKey("layers missing", ".layers", { layers: undefined }),
  firstKey("a layer null", ".layers.0", { layers: { 0: null } }),
  firstKey("a layer text", ".layers.0", { layers: { 0: "A" } }),
  firstKey("label a number", ".layers.0.label", { layers: { 0: { key: "A", label: 1 } } }),
  firstKey("triggers of a wrong shape", ".triggers.0.type", { triggers: { 0: { action: "", label: "" } } }),
  member("custom", { 0: 5 }, ".0"),
  member("custom", ["text"]),
  member("defines", {}),
  member("defines", [null], "[0]"),
  member("defines", [{ name: "a" }], "[0].value"),
  member("animations", []),
  member("animations", { a: null }, ".a"),
  member("animations", { a: { settings: "s", frames: "f" } }, ".a.frames"),
  member("animations", { a: { settings: "s", frames: [1] } }, ".a.frames[0]"),
  member("animations", { a: { frames: [] } }, ".a.settings"),
  member("canned", { 1: { settings: "", type: "", description: "", frames: [] } }, ".1.configurable"),
  member("leds", [{ id: "1", x: 0, y: 0 }], "[0].id"),
];

const prototypes: BadRequest[] = [
  spliced(
    "a layer __proto__",
    "bad-layout",
    '"layers":{"0":{"key":"B"}',
    '"layers":{"__proto__":{"key":"B"}',
    "config.matrix[1].layers.__proto__",
  ),
  spliced(
    "an animation __proto__ of a wrong shape",
    "bad-layout",
    '"wave":{',
    '"__proto__":{"settings":"","frames":5},"wave":{',
    "config.animations.__proto__.frames",
  ),
  spliced(
    "custom __proto__",
    "bad-layout",
    '"custom":{',
    '"custom":{"__proto__":"",',
    "config.custom.__proto__",
  ),
  raw("a body of nothing but __proto__", "bad-request", () => '{"__proto__":{"config":{}}}', "config"),
  raw(
    "config only by way of __proto__",
    "bad-request",
    () => '{"__proto__":{"config":{}},"env":"latest"}',
    "config",
  ),
];

const doubles: BadRequest[] = [
  spliced("the header twice", "bad-layout", '"header":', '"header":{},"header":', "config.header"),
  spliced(
    "a layer twice",
    "bad-layout",
    '"layers":{"0"',
    '"layers":{"0":{"key":"A"},"0"',
    "config.matrix[0].layers.0",
  ),
  spliced(
    "a header member twice",
    "bad-layout",
    '"Author":',
    '"Author":"Bob","Author":',
    "config.header.Author",
  ),
  spliced("config twice", "bad-layout", '{"config":', '{"config":{},"config":', "config"),
  spliced("half a surrogate pair", "bad-layout", '"free text"', '"\\ud83d free"', "config.custom.1"),
  spliced(
    "half a surrogate pair in an action",
    "bad-layout",
    '"key":"B"',
    '"key":"\\udc00"',
    "config.matrix[1].layers.0.key",
  ),
  spliced("a number beyond all bounds", "bad-layout", '"x":4', '"x":1e999', "config.matrix[1].x"),
];

const broken: BadRequest[] = [
  raw("an empty body", "bad-json", () => ""),
  raw("white space", "bad-json", () => " \n"),
  raw("no JSON", "bad-json", () => "config=1&env=latest"),
  raw("markup", "bad-json", () => "<config/>"),
  raw("half of the body", "bad-json", () => body(demoDocument()).subarray(0, 300)),
  raw("all but the last byte", "bad-json", () => body(demoDocument()).subarray(0, -1)),
  raw("text behind the body", "bad-json", () => `${body(demoDocument())}}`),
  raw("a body that ends in an escape", "bad-json", () => '{"config":"\\'),
  spliced("a comma too many", "bad-json", '"leds":[', '"leds":[,'),
  spliced("single quotes", "bad-json", '"leds"', "'leds'"),
  spliced("NaN", "bad-json", '"x":4', '"x":NaN'),
  spliced("a number with a leading zero", "bad-json", '"x":4', '"x":04'),
  spliced("a raw line break in a string", "bad-json", "free text", "free\ntext"),
  spliced("an escape that is none", "bad-json", "free text", "\\x41"),
  spliced("a byte that is no UTF-8", "bad-json", "free text", Buffer.from([0xff])),
  spliced("an overlong encoding", "bad-json", "free text", Buffer.from([0xc0, 0xaf])),
  spliced("a character cut short", "bad-json", "free text", Buffer.from([0xe2, 0x82])),
  spliced("half a surrogate pair in bytes", "bad-json", "free text", Buffer.from([0xed, 0xa0, 0x80])),
  raw("UTF-16 with a byte order mark", "bad-json", () =>
    Buffer.from(`\ufeff${body(demoDocument())}`, "utf16le"),
  ),
  raw("two byte order marks", "bad-json", () => `\ufeff\ufeff${body(demoDocument())}`),
  raw("100,000 nested lists", "bad-json", () => `{"config":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
  raw(
    "100,000 nested objects",
    "bad-json",
    () => `{"config":${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}}`,
  ),
  raw("100,000 lists that never end", "bad-json", () => "[".repeat(100_000)),
  raw("half a million keys", "bad-json", () => `{"config":{"matrix":[${"0,".repeat(500_000)}0]}}`),
  raw("half a million members", "bad-json", () => {
    const members = Array.from({ length: 500_000 }, (_, index) => `"m${index}":0`);
    return `{"config":{${members.join(",")}}}`;
  }),
];

const envelopes: BadRequest[] = [
  raw("a list for a body", "bad-request", () => "[]", ""),
  raw("null for a body", "bad-request", () => "null", ""),
  raw("a text for a body", "bad-request", () => '"config"', ""),
  raw("no config", "bad-request", () => '{"env":"latest"}', "config"),
  ...[5, null, ["latest"], { latest: 1 }].map((env) =>
    raw(`env: ${JSON.stringify(env)}`, "bad-request", () => body(demoDocument(), env), "env"),
  ),
  ...["", "Latest", "v9.9.9", "../latest", "__proto__", "latest\0", "x".repeat(1_000_000)].map((env) =>
    raw(
      `env: ${JSON.stringify(env).slice(0, 40)}`,
      "unknown-version",
      () => body(demoDocument(), env),
      "env",
    ),
  ),
];

const oversized: BadRequest = {
  name: "11 MiB",
  body() {
    const document = demoDocument();
    document.custom = { 0: "x".repeat(11 * 1024 * 1024) };
    return body(document);
  },
  status: 413,
  code: "body-too-large",
  oversized: true,
};

export const badRequests: readonly BadRequest[] = [
  ...names,
  ...headers,
  ...layerKeys,
  ...values,
  ...shapes,
  ...prototypes,
  ...doubles,
  ...broken,
  ...envelopes,
  oversized,
];
