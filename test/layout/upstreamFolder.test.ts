import { describe, expect, test } from "vitest";
import { checkFolder, type UpstreamEntry } from "../../src/layout/upstreamFolder.ts";
import { tiny } from "../support/upstream.ts";

function file(name: string, text = tiny("One"), bytes = text.length): UpstreamEntry {
  return { name, kind: "file", bytes, read: async () => Buffer.from(text) };
}

function link(name: string, target: string): UpstreamEntry {
  return { ...file(name, target), kind: "link" };
}

/** Not to be read: it is refused for what is known of it before. */
function unread(entry: Partial<UpstreamEntry>): UpstreamEntry {
  const read = () => Promise.reject(new Error("was read"));
  return { ...file("Tiny-One.json"), ...entry, read };
}

describe("a folder of layouts", () => {
  test("gives its files and aliases, those of aliases too", async () => {
    const entries = [link("A.json", "B.json"), link("B.json", "C.json"), file("C.json")];
    const { files, aliases } = await checkFolder(entries);
    expect([...files.keys()]).toEqual(["C.json"]);
    expect([...aliases]).toEqual([
      ["A.json", "B.json"],
      ["B.json", "C.json"],
    ]);
  });

  test("may hold bases of keys and nothing else", async () => {
    const keys = '{"matrix":[{"code":"0x01","layers":{"0":{"key":"A"}}}]}';
    expect((await checkFolder([file("Tiny-Base.json", keys)])).files.size).toBe(1);
  });

  test.for([
    ["Bad.json", '{"header":', "Bad.json", /line 1, column/],
    ["Bad.json", "version https://git-lfs.github.com/spec/v1", "Bad.json", /line 1/],
    ["Bad.json", '{"header":{}}', "Bad.json: header.Name", /is missing/],
    ["Bad.json", '{"matrix":[{"code":5,"layers":{}}]}', "Bad.json: matrix[0].code", /must be text/],
    ["Bad.json", '{"matrix":[],"matrix":[]}', "Bad.json: matrix", /twice|again|more than once/],
  ] as const)("is refused for a file %s with %s", async ([name, text, path, message]) => {
    const checked = checkFolder([file("Good.json"), file(name, text)]);
    await expect(checked).rejects.toMatchObject({
      code: "bad-layout",
      complaints: expect.arrayContaining([{ path, message: expect.stringMatching(message) }]),
    });
  });

  test.for([
    "../Outside.json",
    "/etc/passwd",
    "Nonesuch.json",
    "folder/Tiny.json",
    "./Tiny-One.json",
    "",
    "\u001b[2J",
    "x".repeat(300),
  ])("is refused for an alias of %j", async (target) => {
    const checked = checkFolder([file("Tiny-One.json"), link("A.json", target)]);
    await expect(checked).rejects.toMatchObject({
      complaints: [
        { path: "A.json", message: expect.stringMatching(/^is an alias of '[\x20-\x7e]{0,100}'/) },
      ],
    });
  });

  test.for([
    [["A", "A"]],
    [
      ["A", "B"],
      ["B", "A"],
    ],
  ])("is refused for aliases that lead round: %j", async (pairs) => {
    const links = pairs.map(([from, to]) => link(`${from}.json`, `${to}.json`));
    await expect(checkFolder([file("C.json"), ...links])).rejects.toMatchObject({
      complaints: pairs.map(([from]) => ({
        path: `${from}.json`,
        message: expect.stringContaining("round"),
      })),
    });
  });

  test.for([
    [{ kind: "other" }, /neither a file nor a link/],
    [{ name: ".hidden.json" }, /no name/],
    [{ name: "a\nb.json" }, /no name/],
    [{ name: "ä.json" }, /no name/],
    [{ bytes: 11 * 1024 * 1024 }, /too many/],
  ] as const)("is refused, unread, for an entry with %j", async ([entry, message]) => {
    await expect(checkFolder([unread(entry)])).rejects.toMatchObject({
      complaints: [{ message: expect.stringMatching(message) }],
    });
  });

  test("is refused, unread, for too many files, too many bytes, or nothing at all", async () => {
    const many = (count: number, bytes: number) =>
      Array.from({ length: count }, (_, index) => unread({ name: `${index}.json`, bytes }));
    for (const entries of [many(2001, 1), many(7, 10 * 1024 * 1024), []]) {
      await expect(checkFolder(entries)).rejects.toMatchObject({ code: "bad-layout" });
    }
  });

  test("tells no more than a hundred mistakes", async () => {
    const entries = Array.from({ length: 300 }, (_, index) => file(`${index}.json`, "{}"));
    const failure = await checkFolder(entries).catch((error: unknown) => error);
    expect(failure).toMatchObject({ complaints: { length: 100 } });
  });
});
