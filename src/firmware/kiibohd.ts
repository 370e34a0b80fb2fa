import { boardName } from "../layout/kll.ts";
import { type BoardBuild, containerSpec, type Family } from "./family.ts";

/** Board (any case) -> build script of the kiibohd controller. */
const scripts: Record<string, string> = {
  MD1: "infinity.bash",
  "MD1.1": "infinity_led.bash",
  Infinity: "infinity.bash",
  MDErgo1: "ergodox.bash",
  ErgoDox: "ergodox.bash",
  WhiteFox: "whitefox.bash",
  KType: "k-type.bash",
  "K-Type": "k-type.bash",
  Kira: "kira.bash",
  Gemini: "geminiduskdawn.bash",
  GeminiDusk: "geminiduskdawn.bash",
  GeminiDawn: "geminiduskdawn.bash",
  GeminiDuskDawn: "geminiduskdawn.bash",
};

/** Each half of these is a firmware of its own. */
const splitBoards = ["mdergo1", "ergodox"];

/** A list of no maps: an empty one would mean the stock layers to the controller's scripts, and add them to the layout. */
const noPartials = ";";

/** The kiibohd firmware. */
export const kiibohd: Family = {
  name: "kiibohd",
  boards: Object.keys(scripts),
  refused: { icpad: "parts of its firmware were never published" },
  plan(input) {
    const board = boardName(input.layout.header).toLowerCase();
    const { environment, ...spec } = containerSpec(boardBuild(board), input);
    const partials = environment.PartialMapsExpandedOverride || noPartials;
    return { ...spec, environment: { ...environment, PartialMapsExpandedOverride: partials } };
  },
};

function boardBuild(board: string): BoardBuild {
  const script = Object.entries(scripts).find(([name]) => name.toLowerCase() === board)?.[1];
  if (script === undefined) throw new Error(`not a kiibohd board: ${board}`);
  const split = splitBoards.includes(board);
  return {
    script,
    extraMaps: split ? "infinity_ergodox/lcdFuncMap" : "stdFuncMap",
    split,
    outputs: split ? ["left_kiibohd.dfu.bin", "right_kiibohd.dfu.bin"] : ["kiibohd.dfu.bin"],
  };
}
