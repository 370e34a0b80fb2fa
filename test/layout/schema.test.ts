import { describe, expect, it } from "vitest";
import { type JsonObject, parseJson } from "../../src/layout/json.ts";
import { checkBase, checkHeader, checkLayout, highestLayer } from "../../src/layout/schema.ts";
import { type Document, demoDocument } from "../support/documents.ts";

function check(change: (document: Document) => void) {
  const document = demoDocument();
  change(document);
  return checkLayout(parseJson(JSON.stringify(document)).value, "config");
}

function parsed(value: object): JsonObject {
  return parseJson(JSON.stringify(value)).value as JsonObject;
}

describe("checking a layout", () => {
  it("gives its values, maps in document order", () => {
    const checked = check((document) => {
      document.custom = { 1: "one", 0: "zero" };
    });
    if (!checked.ok) throw new Error(JSON.stringify(checked.complaints));
    expect(checked.value.header).toMatchObject({ Name: "Demo", Variant: "two keys" });
    expect([...(checked.value.matrix[0]?.layers ?? [])].map(([layer, { key }]) => [layer, key])).toEqual([
      [0, "ESC"],
      [1, "#:layerShift( 1 )"],
    ]);
    expect([...(checked.value.animations?.keys() ?? [])]).toEqual(["wave"]);
  });

  it("takes 100,000 lines of free text, on all layers together, and no more", () => {
    const half = "\n".repeat(49_999);
    const text = (more: string) =>
      check((document) => Object.assign(document, { custom: { 0: half, 1: half + more } }));
    expect(text("").ok).toBe(true);
    expect(text("\n")).toEqual({
      ok: false,
      complaints: [{ path: "config.custom", message: "holds more than 100000 lines" }],
    });
  });

  it.for(["x", "y", "w", "h", "board", "triggers", "unknown"])(
    "takes a key whose %s is null or missing",
    (member) => {
      expect(check(({ matrix: [key] }) => Object.assign(key ?? {}, { [member]: null })).ok).toBe(true);
      expect(check(({ matrix: [key] }) => Reflect.deleteProperty(key ?? {}, member)).ok).toBe(true);
    },
  );

  it.for(["custom", "animations", "canned", "defines", "macros", "leds"])(
    "takes a layout whose %s is null or missing",
    (member) => {
      expect(check((document) => Object.assign(document, { [member]: null })).ok).toBe(true);
      expect(check((document) => Reflect.deleteProperty(document, member)).ok).toBe(true);
    },
  );

  it("takes what can break out of nothing", () => {
    const checked = check((document) => {
      document.header.Author = "Ünï ; ' \\ 💡 #";
      document.defines = [{ name: "a.b", value: "" }];
      document.custom = { 0: '"\n\r\0\u2028' };
      document.animations = { "": { settings: '"\t"', frames: ["", '#"'] } };
      document.macros = { any: ["thing"] };
      Object.assign(document.matrix[1] ?? {}, { layers: { 0: { key: '#:text( "a" )\t' } } });
    });
    expect(checked.ok).toBe(true);
  });

  it.for([
    ["P[1](255,255,255),\nP[2](0,0,0), \t\n P[3](1,1,1)", true],
    ["P[1](0,0,0);\nP[2](0,0,0)", false],
    ["P[1](0,0,0),\n\nP[2](0,0,0)", false],
    ["P[1](0,0,0),\r\nP[2](0,0,0)", false],
    ["# a remark,\nP[2](0,0,0)", false],
    [",\n".repeat(99_999), true],
    [",\n".repeat(100_000), false],
  ] as const)("lets a frame break its list after a comma alone: %j", ([frame, allowed]) => {
    const checked = check((document) => {
      document.animations = { wave: { settings: "", frames: [frame] } };
    });
    expect(checked.ok).toBe(allowed);
  });

  it(`counts layers from 0 to ${highestLayer}`, () => {
    const layer = (key: string) =>
      check(({ matrix: [first] }) => Object.assign(first ?? {}, { layers: { [key]: { key: "A" } } })).ok;
    expect([layer("0"), layer(String(highestLayer)), layer(String(highestLayer + 1))]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it("limits what stands in every file or line again", () => {
    const author = (length: number) =>
      check(({ header }) => Object.assign(header, { Author: "x".repeat(length) })).ok;
    expect([author(1024), author(1025)]).toEqual([true, false]);
    const id = (length: number) =>
      check((document) =>
        Object.assign(document, { animations: { ["x".repeat(length)]: { settings: "", frames: [] } } }),
      ).ok;
    expect([id(128), id(129)]).toEqual([true, false]);
  });

  it("says in a person's words what is wrong", () => {
    const checked = check((document) => {
      document.matrix = [
        { code: 1, layers: { x: { key: null } } },
        { code: "", layers: { 0: { key: "\n" } }, x: "" },
      ];
      document.leds = {};
      delete document.header.Version;
    });
    expect(checked).toEqual({
      ok: false,
      complaints: [
        { path: "config.header.Version", message: "is missing" },
        { path: "config.matrix[0].code", message: "must be text" },
        { path: "config.matrix[0].layers.x", message: "the key must be a plain layer number from 0 to 255" },
        { path: "config.matrix[0].layers.x.key", message: "must be text" },
        { path: "config.matrix[1].x", message: "must be a number" },
        { path: "config.matrix[1].layers.0.key", message: "must hold no quote and no control character" },
        { path: "config.leds", message: "must be a list" },
      ],
    });
  });

  it("asks for at least one key, and not where the keys are wrong", () => {
    const matrix = (keys: unknown[]) => check((document) => Object.assign(document, { matrix: keys }));
    expect(matrix([])).toMatchObject({
      complaints: [{ path: "config.matrix", message: "must hold at least one key" }],
    });
    expect(matrix([null])).toMatchObject({ complaints: [{ path: "config.matrix[0]" }] });
  });

  it("looks no further once there are more mistakes than are told", () => {
    const { header } = demoDocument();
    const matrix = Array.from({ length: 200 }, () => null);
    Object.defineProperty(matrix, 150, {
      get: () => {
        throw new Error("looked further");
      },
    });
    const checked = checkLayout({ ...parsed({ header }), matrix }, "config");
    expect(checked).toMatchObject({ ok: false });
  });

  it.for([
    ["matrix", "0"],
    ["defines", "0"],
    ["leds", "{}"],
    ["canned", ""],
  ])("gives up after too many mistakes in %s, in no time that grows with them", ([member = "", item]) => {
    const many = Array.from({ length: 90_000 }, (_, index) => (item === "" ? `"m${index}":0` : item)).join(
      ",",
    );
    const list = item === "" ? `{${many}}` : `[${many}]`;
    const checked = checkLayout(parseJson(`{"${member}":${list}}`).value, "config");
    if (checked.ok) throw new Error("the document passed");
    expect(checked.complaints).toHaveLength(101);
    expect(checked.complaints.at(-1)).toEqual({ path: "config", message: "and more mistakes" });
  });
});

describe("checking a header or a base alone", () => {
  it("gives paths below the place it was given", () => {
    expect(checkHeader(parseJson('{"Name":"a/b"}').value, "config.header")).toMatchObject({
      complaints: [{ path: "config.header.Name" }, { path: "config.header.Layout" }, {}, {}, {}, {}, {}, {}],
    });
    expect(checkHeader(undefined, "config.header")).toMatchObject({
      complaints: [{ path: "config.header", message: "is missing" }],
    });
  });

  it("asks a base for nothing but keys", () => {
    expect(checkBase(parseJson('{"matrix":[]}').value).ok).toBe(true);
    expect(checkBase(parseJson('{"header":{}}').value)).toMatchObject({ complaints: [{ path: "matrix" }] });
  });
});
