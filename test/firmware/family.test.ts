import { describe, expect, it } from "vitest";
import { planBuild } from "../../src/build/plan.ts";
import { demo } from "../../src/firmware/demo.ts";
import { findFamily } from "../../src/firmware/family.ts";
import { kiibohd } from "../../src/firmware/kiibohd.ts";
import type { BaseLayout } from "../../src/layout/schema.ts";
import { context, demoDocument, request } from "../support/documents.ts";

const scripts: [board: string, script: string][] = [
  ["MD1", "infinity.bash"],
  ["Infinity", "infinity.bash"],
  ["MD1.1", "infinity_led.bash"],
  ["MDErgo1", "ergodox.bash"],
  ["ErgoDox", "ergodox.bash"],
  ["WhiteFox", "whitefox.bash"],
  ["KType", "k-type.bash"],
  ["K-Type", "k-type.bash"],
  ["Kira", "kira.bash"],
  ["Gemini", "geminiduskdawn.bash"],
  ["GeminiDusk", "geminiduskdawn.bash"],
  ["GeminiDawn", "geminiduskdawn.bash"],
  ["GeminiDuskDawn", "geminiduskdawn.bash"],
  ["Demo", "demo.bash"],
];

const split = ["MDErgo1", "ErgoDox"];

const anyBase = context.baseLayout("Demo-Plain.json") as BaseLayout;

/** The spec of the sound document, were it for another board. */
function specOf(board: string, layout = "Tiny", layers: number[] = [0, 1]) {
  const document = demoDocument();
  Object.assign(document.header, { Name: board, Layout: layout });
  const keys = layers.map((layer) => [layer, { key: "A" }]);
  document.matrix = [{ code: "0x01", layers: Object.fromEntries(keys) }];
  return planBuild(request(document), { ...context, baseLayout: () => anyBase }).spec;
}

describe("the spec of a board", () => {
  it.for(
    scripts.flatMap(([board, script]) =>
      [board, board.toLowerCase(), board.toUpperCase()].map((name) => [name, script] as const),
    ),
  )("%s runs %s", ([board, script]) => expect(specOf(board).command).toEqual([script]));

  it("has the files' stems as maps; dots and hyphens are parts of them", () => {
    expect(specOf("MD1.1", "a-b.c", [2]).environment).toEqual({
      DefaultMapOverride: "stdFuncMap MD1.1-a-b.c-0",
      PartialMapsExpandedOverride: "MD1.1-a-b.c-1;MD1.1-a-b.c-2",
      Layout: "two_keys",
    });
  });

  it("has a list of no partial maps where there is one layer: nothing at all would mean the stock layers", () => {
    expect(specOf("K-Type", "Own", [0]).environment).toMatchObject({
      DefaultMapOverride: "stdFuncMap K-Type-Own-0",
      PartialMapsExpandedOverride: ";",
    });
    expect(specOf("Demo", "Own", [0]).environment.PartialMapsExpandedOverride).toBe("");
  });

  it.for(split)("of %s, a split board, builds both halves", (board) => {
    const { environment, outputs } = specOf(board);
    expect(environment).toMatchObject({
      DefaultMapOverride: `infinity_ergodox/lcdFuncMap ${board}-Tiny-0`,
      SPLIT_KEYBOARD: "1",
    });
    expect(outputs).toEqual(["left_kiibohd.dfu.bin", "right_kiibohd.dfu.bin"]);
  });

  it.for(["ICPad", "icpad"])("there is none of %s, and it is said why", (board) => {
    expect(() => specOf(board)).toThrow(
      expect.objectContaining({
        complaints: [
          {
            path: "config.header.Name",
            message: expect.stringMatching(/cannot be built: .*never published/),
          },
        ],
      }),
    );
  });

  it.for(scripts.map(([board]) => board).filter((board) => !split.includes(board)))(
    "of %s is not split",
    (board) => {
      const { environment, outputs } = specOf(board);
      expect(environment.DefaultMapOverride).toMatch(/^stdFuncMap /);
      expect(environment).not.toHaveProperty("SPLIT_KEYBOARD");
      expect(outputs).toContain("kiibohd.dfu.bin");
    },
  );

  it("names its files without spaces, as its maps", () => {
    const { files, environment } = specOf("Demo", "My own");
    expect(files.map(({ name }) => name)).toEqual([
      "Demo-My_own-0.kll",
      "Demo-My_own-1.kll",
      "Demo-My_own.json",
    ]);
    expect(environment.DefaultMapOverride).toBe("stdFuncMap Demo-My_own-0");
  });
});

describe("looking up a board", () => {
  it.for(["", "constructor", "__proto__", "Demo ", "MD1_1", "Whitefox2"])("knows no %j", (board) => {
    expect(findFamily([demo, kiibohd], board)).toBeUndefined();
  });

  it("ignores case", () => expect(findFamily([demo, kiibohd], "dEmO")).toBe(demo));
});
