import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Problem } from "../../src/errors.ts";
import { canonicalJson, documentOrder, type JsonObject, parseJson } from "../../src/layout/json.ts";
import { jsonValue, shuffled, spaced, trickyKey } from "../support/arbitraries.ts";

function message(text: string | Uint8Array): string {
  try {
    parseJson(text);
  } catch (error) {
    if (error instanceof Problem) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "";
}

/** A value as `JSON.parse` gives it: with the prototypes that `parseJson` leaves out. */
function native(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe("parseJson", { timeout: 60_000 }, () => {
  it("gives what JSON.parse gives, however the text is spaced", () => {
    const texts = jsonValue.chain((value) => spaced(value));
    fc.assert(
      fc.property(texts, (text) => {
        const { value, complaints } = parseJson(text);
        expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)));
        expect(Object.is(value, -0)).toBe(Object.is(JSON.parse(text), -0));
        const halves = /\\u[dD][89a-fA-F]/.test(text);
        if (!halves) expect(complaints).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("refuses what JSON.parse refuses", () => {
    const spoiled = fc
      .tuple(
        jsonValue,
        fc.nat(),
        fc.constantFrom("", ",", '"', "\\", "}", "]", "0", "-", ".", "e", "\0", "n", "\u00a0"),
      )
      .map(([value, at, piece]) => {
        const text = JSON.stringify(value);
        const cut = at % (text.length + 1);
        return (text.slice(0, cut) + piece + text.slice(cut + 1)).toWellFormed();
      });
    fc.assert(
      fc.property(spoiled, (text) => {
        let sound = true;
        try {
          JSON.parse(text);
        } catch {
          sound = false;
        }
        expect(message(text) === "").toBe(sound);
      }),
      { numRuns: 1000 },
    );
  });

  it("keeps the order of keys, whatever they are called", () => {
    const keys = fc.uniqueArray(
      trickyKey.map((key) => key.toWellFormed()),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(keys, (names) => {
        const text = `[{${names.map((name) => `${JSON.stringify(name)}:1`).join(",")}}]`;
        const [object] = parseJson(text).value as [JsonObject];
        expect(documentOrder(object)).toEqual(names);
        expect(Object.keys(object).sort()).toEqual([...names].sort());
      }),
    );
  });

  it("has no prototype that a key could reach", () => {
    const object = parseJson('{"__proto__":{"a":1},"constructor":2}').value as JsonObject;
    expect(Object.getPrototypeOf(object)).toBeNull();
    expect(object.a).toBeUndefined();
    expect(native(object)).toEqual(JSON.parse('{"__proto__":{"a":1},"constructor":2}'));
  });

  it.for([
    ["", "the text ends at line 1, column 1"],
    ["{\n  x", 'unexpected "x" at line 2, column 3'],
    ['["a" 1]', "unexpected \"1\" where ']' should be at line 1, column 6"],
    ['{"a" 1}', "unexpected \"1\" where ':' should be at line 1, column 6"],
    ['"abc', "the text ends in a string at line 1, column 5"],
    ['"abc\\', 'unexpected "\\\\" that begins no escape at line 1, column 5'],
    ['"a\\\\\\x"', 'unexpected "\\\\" that begins no escape at line 1, column 5'],
    ['"a\\u00g0"', 'unexpected "\\\\" that begins no escape at line 1, column 3'],
    ["[1] 2", 'unexpected "2" at line 1, column 5'],
  ])("says where %j goes wrong", ([text = "", where]) => {
    expect(message(text)).toBe(`bad-json: not JSON: ${where}`);
  });

  it("decodes UTF-8, with or without a byte order mark, and nothing else", () => {
    expect(parseJson(Buffer.from('"ü💡"')).value).toBe("ü💡");
    expect(parseJson(Buffer.from('\ufeff"ü"'))).toMatchObject({ value: "ü", text: '"ü"' });
    for (const bytes of [[0xff], [0xc0, 0x80], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]]) {
      expect(message(Buffer.from([0x22, ...bytes, 0x22]))).toBe("bad-json: the text is not valid UTF-8");
    }
    expect(message('"\ud800"')).toBe("bad-json: the text holds half a surrogate pair");
  });

  it("complains of double keys, half surrogate pairs and endless numbers, with their paths", () => {
    const { complaints } = parseJson('{"a":{"b":1,"b":[0,"\\ud800",-1e999]},"c":"\\ud83d\\udca1"}', "config");
    expect(complaints).toEqual([
      { path: "config.a.b", message: "this key stands here twice" },
      { path: "config.a.b[1]", message: "the text holds half a surrogate pair" },
      { path: "config.a.b[2]", message: "the number is too large" },
    ]);
  });

  it("complains briefly of long keys, and not for ever", () => {
    const twice = Array.from({ length: 500 }, () => `"a":0`).join(",");
    const { complaints } = parseJson(`{"${"k".repeat(1e6)}":{${twice}}}`);
    expect(complaints).toHaveLength(100);
    expect(JSON.stringify(complaints).length).toBeLessThan(50_000);
  });

  it.for([
    ["lists", "[", "]"],
    ["objects", '{"a":', "}"],
  ])("takes 64 nested %s and no more", ([, open = "", close = ""]) => {
    const nested = (levels: number) => `${open.repeat(levels)}1${close.repeat(levels)}`;
    expect(message(nested(64))).toBe("");
    expect(message(nested(65))).toBe("bad-json: nested deeper than 64 levels");
  });

  it("takes 100,000 values and no more", () => {
    const values = (count: number) => `[${Array.from({ length: count - 1 }, () => "0").join(",")}]`;
    expect(message(values(100_000))).toBe("");
    expect(message(values(100_001))).toBe("bad-json: holds more than 100000 values");
  });

  it("says where the members of the outermost object stand", () => {
    const { text, members } = parseJson(' {"a" :  {"a": [1]} , "b":"\\u0041" , "c":0}');
    const texts = [...members].map(([key, span]) => [key, text.slice(...span)]);
    expect(texts).toEqual([
      ["a", '{"a": [1]}'],
      ["b", '"\\u0041"'],
      ["c", "0"],
    ]);
    expect(parseJson('[{"a":1}]').members.size).toBe(0);
  });
});

describe("canonicalJson", { timeout: 60_000 }, () => {
  it("is one text for equal values, however their members are ordered", () => {
    const pairs = jsonValue.chain((value) => fc.tuple(fc.constant(value), shuffled(value)));
    fc.assert(
      fc.property(pairs, ([value, other]) => {
        expect(canonicalJson(other)).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(native(value));
      }),
    );
  });
});
