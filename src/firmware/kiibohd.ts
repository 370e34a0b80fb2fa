import { boardName } from "../layout/kll.ts";
import { type BoardBuild, containerSpec, type Family } from "./family.ts";

/** Board (any case) -> build script of the kiibohd controller. */
const scripts: Record<string, string> = {
  MD1: "infinity.bash",
  "MD1.1": "infinity_led.bash",
  Infinity: "infinity.bash",
  ICPad: "icpad.bash",
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

/** The kiibohd firmware; each half of an MDErgo1 is a firmware of its own. */
export const kiibohd: Family = {
  name: "kiibohd",
  boards: Object.keys(scripts),
  plan(input) {
    const board = boardName(input.layout.header).toLowerCase();
    return containerSpec(boardBuild(board), input);
  },
};

function boardBuild(board: string): BoardBuild {
  const script = Object.entries(scripts).find(([name]) => name.toLowerCase() === board)?.[1];
  if (script === undefined) throw new Error(`not a kiibohd board: ${board}`);
  const split = board === "mdergo1";
  return {
    script,
    extraMaps: split ? "infinity_ergodox/lcdFuncMap" : "stdFuncMap",
    split,
    outputs: split ? ["left_kiibohd.dfu.bin", "right_kiibohd.dfu.bin"] : ["kiibohd.dfu.bin"],
  };
}
