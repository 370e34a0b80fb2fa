import { expect, test } from "vitest";
import { parseBuildRequest } from "../../src/build/request.ts";

test("the document is told apart from what is around it, character for character", () => {
  const document = '{ "a" : [1, "\\u0041"],\n "a2":{} }';
  const request = parseBuildRequest(Buffer.from(` {"env":"lts" , "config": ${document} ,"more":1}\n`));
  expect(request).toEqual({
    document: { a: [1, "A"], a2: {} },
    documentText: document,
    root: "config",
    version: "lts",
    complaints: [],
  });
});

test("a config further down is not the document", () => {
  const text = '{"more":{"config":1},"config":{"config":2}}';
  expect(parseBuildRequest(Buffer.from(text)).documentText).toBe('{"config":2}');
});

test("complaints about the text point into the request", () => {
  const { complaints } = parseBuildRequest(Buffer.from('{"config":{"a":1,"a":2}}'));
  expect(complaints).toEqual([{ path: "config.a", message: expect.any(String) }]);
});

test.for([
  ["[]", ""],
  ["1", ""],
  ["{}", "config"],
  ['{"config":{},"env":1}', "env"],
  ['{"config":{},"env":null}', "env"],
])("%s is no request", ([text = "", path]) => {
  expect(() => parseBuildRequest(Buffer.from(text))).toThrow(
    expect.objectContaining({ code: "bad-request", complaints: [{ path, message: expect.any(String) }] }),
  );
});

test.for([['{"header":{}}'], ['{"env":"lts","matrix":[]}']])(
  "for the layout alone, %s, it says how to post it",
  ([text = ""]) => {
    const message = 'is missing: this is a layout; post { "config": <layout>, "env": "latest" }';
    expect(() => parseBuildRequest(Buffer.from(text))).toThrow(
      expect.objectContaining({ code: "bad-request", complaints: [{ path: "config", message }] }),
    );
  },
);

test("what has neither a layout nor a piece of one only lacks it", () => {
  expect(() => parseBuildRequest(Buffer.from('{"env":"lts"}'))).toThrow(
    expect.objectContaining({ complaints: [{ path: "config", message: "is missing" }] }),
  );
});

test("no JSON is no request", () => {
  expect(() => parseBuildRequest(Buffer.from("{"))).toThrow(expect.objectContaining({ code: "bad-json" }));
});
