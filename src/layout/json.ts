import { type Complaint, jsonPath, Problem } from "../errors.ts";

/**
 * JSON as layouts need it. `JSON.parse` moves integer-like keys to the front, keeps the last of two equal keys
 * without a word, and lets half surrogate pairs through; a layout's animations have an order, and a key that
 * stands there twice is a mistake someone should hear about.
 */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
/** Has no prototype, so `__proto__` and `constructor` are keys like any other. */
export type JsonObject = { [key: string]: JsonValue };

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export interface ParsedJson {
  text: string;
  value: JsonValue;
  /** Duplicate keys, half surrogate pairs, numbers outside the range of a double. */
  complaints: Complaint[];
  /** Where the values of the outermost object's members stand in `text`: key -> [from, to). */
  members: Map<string, [from: number, to: number]>;
}

/** Deeper nesting than any layout has; bounds the recursion here and in everything that walks the value. */
const maxDepth = 64;

/** Fifty times what the largest layout known holds; bounds the time anything takes that walks the values. */
const maxValues = 100_000;

/** A document of nothing but mistakes must not become a list of millions. */
export const maxComplaints = 100;

const orders = new WeakMap<JsonObject, string[]>();

/** The keys of an object from `parseJson` in the order of the document. */
export function documentOrder(object: JsonObject): string[] {
  return orders.get(object) ?? Object.keys(object);
}

/**
 * Decodes and parses a JSON text.
 * @param root where the text's value stands in the request; the paths of complaints begin with it
 * @throws Problem `bad-json` for invalid Unicode, for syntax errors (with line and column), and for more nesting or
 *   more values than any layout has
 */
export function parseJson(source: string | Uint8Array, root = ""): ParsedJson {
  const text = typeof source === "string" ? source : decodeUtf8(source);
  if (!text.isWellFormed()) throw new Problem("bad-json", "the text holds half a surrogate pair");
  const parser = new Parser(text, root);
  return { text, value: parser.document(), complaints: parser.complaints, members: parser.members };
}

/** @throws Problem `bad-json` */
function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new Problem("bad-json", "the text is not valid UTF-8", { cause });
  }
}

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
/** Every character that may stand in a string as it is. */
const plainString = /[\x20\x21\x23-\x5b\x5d-\uffff]*/y;
const escapeSequence = /\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4})/y;
const integerLike = /^(?:0|[1-9]\d{0,9})$/;

class Parser {
  readonly complaints: Complaint[] = [];
  readonly members = new Map<string, [number, number]>();
  readonly #text: string;
  readonly #root: string;
  readonly #path: PropertyKey[] = [];
  #at = 0;
  #values = 0;

  constructor(text: string, root: string) {
    this.#text = text;
    this.#root = root;
  }

  document(): JsonValue {
    const value = this.#value();
    this.#space();
    if (this.#at < this.#text.length) throw this.#unexpected();
    return value;
  }

  #value(): JsonValue {
    if (++this.#values > maxValues) throw new Problem("bad-json", `holds more than ${maxValues} values`);
    this.#space();
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object();
      case "[":
        return this.#array();
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", true);
      case "f":
        return this.#word("false", false);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }

  #object(): JsonObject {
    const object: JsonObject = Object.create(null);
    const keys: string[] = [];
    let reordered = false;
    this.#enter("{");
    if (this.#taken("}")) return object;
    do {
      this.#space();
      if (this.#text[this.#at] !== '"') throw this.#unexpected();
      const key = this.#string();
      this.#path.push(key);
      this.#expect(":");
      this.#space();
      const from = this.#at;
      if (key in object) this.#complain("this key stands here twice");
      else keys.push(key);
      object[key] = this.#value();
      if (this.#path.length === 1) this.members.set(key, [from, this.#at]);
      reordered ||= integerLike.test(key);
      this.#path.pop();
    } while (this.#taken(","));
    this.#expect("}");
    if (reordered) orders.set(object, keys);
    return object;
  }

  #array(): JsonValue[] {
    const items: JsonValue[] = [];
    this.#enter("[");
    if (this.#taken("]")) return items;
    do {
      this.#path.push(items.length);
      items.push(this.#value());
      this.#path.pop();
    } while (this.#taken(","));
    this.#expect("]");
    return items;
  }

  #string(): string {
    const from = this.#at++;
    this.#at = this.#match(plainString);
    const escaped = this.#text[this.#at] === "\\";
    while (this.#text[this.#at] === "\\") {
      const end = this.#match(escapeSequence);
      if (end < 0) throw this.#unexpected("that begins no escape");
      this.#at = end;
      this.#at = this.#match(plainString);
    }
    if (this.#text[this.#at] !== '"') throw this.#unexpected("in a string");
    this.#at++;
    return escaped ? this.#unescaped(from) : this.#text.slice(from + 1, this.#at - 1);
  }

  #unescaped(from: number): string {
    const value: string = JSON.parse(this.#text.slice(from, this.#at));
    if (!value.isWellFormed()) this.#complain("the text holds half a surrogate pair");
    return value;
  }

  #number(): number {
    const end = this.#match(number);
    if (end <= this.#at) throw this.#unexpected();
    const value = Number(this.#text.slice(this.#at, end));
    this.#at = end;
    if (!Number.isFinite(value)) this.#complain("the number is too large");
    return value;
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected();
    this.#at += word.length;
    return value;
  }

  /** Index behind the match of a sticky pattern at the current place; -1 where it does not match. */
  #match(pattern: RegExp): number {
    pattern.lastIndex = this.#at;
    return pattern.test(this.#text) ? pattern.lastIndex : -1;
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return;
      this.#at++;
    }
  }

  #enter(bracket: string): void {
    this.#expect(bracket);
    if (this.#path.length >= maxDepth) throw new Problem("bad-json", `nested deeper than ${maxDepth} levels`);
  }

  #taken(character: string): boolean {
    this.#space();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #expect(character: string): void {
    if (!this.#taken(character)) throw this.#unexpected(`where '${character}' should be`);
  }

  #complain(message: string): void {
    if (this.complaints.length < maxComplaints)
      this.complaints.push({ path: jsonPath(...(this.#root ? [this.#root] : []), ...this.#path), message });
  }

  #lineEnd(from: number): number {
    const end = this.#text.indexOf("\n", from);
    return end < 0 ? this.#text.length : end;
  }

  #unexpected(where = ""): Problem {
    let line = 1;
    let lineStart = 0;
    for (let end = this.#lineEnd(0); end < this.#at; end = this.#lineEnd(lineStart)) {
      line++;
      lineStart = end + 1;
    }
    const column = this.#at - lineStart + 1;
    const found = this.#text[this.#at];
    const what = found === undefined ? "the text ends" : `unexpected ${JSON.stringify(found)}`;
    return new Problem(
      "bad-json",
      `not JSON: ${[what, where].join(" ").trim()} at line ${line}, column ${column}`,
    );
  }
}

/** One text for equal values: no white space, keys sorted by code unit. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
  return `{${members.join(",")}}`;
}
