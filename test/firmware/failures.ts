import type { Complaint } from "../../src/errors.ts";
import { type Document, demoDocument } from "../support/documents.ts";

/** A layout that does not build, and what its author should hear of it. */
export interface Failure {
  /** Of the recorded log, `logs/<name>.txt`. */
  name: string;
  /** What is done to a layout that builds. */
  spoil: (layout: SoundLayout) => void;
  errors: Complaint[];
}

export interface SoundLayout extends Document {
  defines: { name: string; value: string }[];
  custom: Record<string, string>;
  animations: Record<string, { settings: string; frames: string[] }>;
}

/** A small layout for the K-Type that builds with the controllers v0.5.0 and v0.5.7. */
export function soundLayout(): SoundLayout {
  const { header } = demoDocument();
  return {
    header: { ...header, Name: "K-Type", Variant: "standard", Layout: "Trace" },
    matrix: [
      { code: "0x01", layers: { 0: { key: "ESC" }, 1: { key: "#:layerShift( 1 )" } } },
      { code: "0x02", layers: { 0: { key: "A" }, 1: { key: "CONS:MUTE" } } },
      { code: "0x03", layers: { 0: { key: "B" } } },
    ],
    defines: [{ name: "myOwn", value: "5" }],
    custom: {},
    animations: {
      wave: { settings: "framedelay:3, loop", frames: ["P[c:0%](0,255,0)", "P[c:50%](255,0,0)"] },
    },
  };
}

const layerOneOfA = "config.matrix[1].layers.1.key";

function keyIs(key: string) {
  return (layout: SoundLayout) => {
    const layers = layout.matrix[1]?.layers;
    if (layers) layers[1] = { key };
  };
}

function customIs(...lines: string[]) {
  return (layout: SoundLayout) => {
    layout.custom[0] = lines.join("\n");
  };
}

function waveIs(settings: string, secondFrame = "P[c:50%](255,0,0)") {
  return (layout: SoundLayout) => {
    layout.animations.wave = { settings, frames: ["P[c:0%](0,255,0)", secondFrame] };
  };
}

function defined(name: string, value: string) {
  return (layout: SoundLayout) => layout.defines.push({ name, value });
}

function inCustom(line: number, message: string): Complaint {
  return { path: "config.custom.0", line, message: `line ${line}: ${message}` };
}

/** Each of them was recorded from a real build of the kiibohd controller v0.5.7; `-050` with v0.5.0. */
export const failures: Failure[] = [
  {
    name: "unknown-key",
    spoil: keyIs("FOO"),
    errors: [{ path: layerOneOfA, message: "unknown key 'FOO'" }],
  },
  {
    name: "unknown-key-050",
    spoil: keyIs("FOO"),
    errors: [{ path: layerOneOfA, message: "unknown key 'FOO'" }],
  },
  {
    name: "unknown-keys-coloured",
    spoil: (layout) => {
      keyIs("CONS:FOO")(layout);
      const layers = layout.matrix[2]?.layers;
      if (layers) layers[0] = { key: "SYS:BAR" };
    },
    errors: [
      { path: "config.matrix[2].layers.0.key", message: "unknown system key 'BAR'" },
      { path: layerOneOfA, message: "unknown consumer key 'FOO'" },
    ],
  },
  {
    name: "unknown-capability",
    spoil: keyIs("#:fooBar( 1 )"),
    errors: [{ path: layerOneOfA, message: "unknown capability 'fooBar'" }],
  },
  {
    name: "unknown-capability-050",
    spoil: keyIs("#:fooBar( 1 )"),
    errors: [{ path: layerOneOfA, message: "unknown capability 'fooBar'" }],
  },
  {
    name: "surplus-argument",
    spoil: keyIs("#:layerShift( 1, 2 )"),
    errors: [{ path: layerOneOfA, message: "'layerShift' takes 1 argument, not 2" }],
  },
  {
    name: "argument-no-number",
    spoil: keyIs("#:layerShift( foo )"),
    errors: [{ path: layerOneOfA, message: "unexpected 'foo'" }],
  },
  {
    name: "argument-too-large",
    spoil: keyIs("#:layerShift( 70000 )"),
    errors: [{ path: layerOneOfA, message: "a number is too large for the capability" }],
  },
  {
    name: "no-arguments",
    spoil: keyIs("#:layerShift"),
    errors: [{ path: layerOneOfA, message: "the statement ends too early" }],
  },
  {
    name: "unclosed-parenthesis",
    spoil: keyIs("#:layerShift( 1"),
    errors: [{ path: layerOneOfA, message: "the statement ends too early" }],
  },
  {
    name: "unknown-animation",
    spoil: keyIs("#:A[nosuch](start)"),
    errors: [{ path: layerOneOfA, message: "unknown animation 'nosuch'" }],
  },
  {
    name: "custom-syntax",
    spoil: customIs("# fine", 'U"A" : U"B";', 'U"C" U"D";', 'U"E" : U"F";'),
    errors: [inCustom(3, 'cannot be read: U"C" U"D";U"E"')],
  },
  {
    name: "custom-two-errors",
    spoil: customIs('U"A" : U"FOO";', "", 'U"B" : CONS"BAR";'),
    errors: [inCustom(1, "unknown key 'FOO'"), inCustom(3, "unknown consumer key 'BAR'")],
  },
  {
    name: "custom-no-function",
    spoil: customIs("# mine", "mine => mine_capability( a : 1 );", 'U"A" : mine( 3 );'),
    errors: [inCustom(2, "there is no function 'mine_capability' in this firmware")],
  },
  {
    name: "custom-no-key-types",
    spoil: customIs("", "'ab' : 'd\u00e9f';"),
    errors: [inCustom(2, "no key types 'é'")],
  },
  {
    name: "custom-no-such-scan-code",
    spoil: customIs("", 'S0xFFF : U"A";'),
    errors: [inCustom(2, "there is no scan code 4095")],
  },
  {
    name: "custom-bad-number",
    spoil: customIs("", "latencyResources = 12x;"),
    errors: [inCustom(2, 'the compiler says: invalid suffix "x" on integer constant')],
  },
  {
    name: "setting-no-number",
    spoil: waveIs("framedelay:abc, loop"),
    errors: [{ path: "config.animations.wave.settings", message: "'abc' is no value of 'framedelay'" }],
  },
  {
    name: "setting-unknown-value",
    spoil: waveIs("replace:nosuch"),
    errors: [{ path: "config.animations.wave.settings", message: "'nosuch' is no value of 'replace'" }],
  },
  {
    name: "frame-unknown-key",
    spoil: waveIs("loop", 'U"FOO"(1,2,3)'),
    errors: [{ path: "config.animations.wave.frames[1]", message: "unknown key 'FOO'" }],
  },
  {
    name: "frame-unclosed",
    spoil: waveIs("loop", "P[c:0%](255,255,255"),
    errors: [{ path: "config.animations.wave.frames[1]", message: "the statement ends too early" }],
  },
  {
    name: "define-no-number-coloured",
    spoil: defined("latencyResources", "hello there"),
    errors: [{ path: "config.defines[1]", message: "unknown name 'hello'" }],
  },
  {
    name: "define-bad-name",
    spoil: defined("foo bar", "5"),
    errors: [{ path: "config.defines[1]", message: "unexpected 'bar'" }],
  },
  {
    name: "define-refused",
    spoil: defined("stateWordSize", "99"),
    errors: [
      {
        path: "config.defines[1]",
        message: 'the compiler says: #error "Invalid StateWordSize, possible values: 32, 16 and 8."',
      },
    ],
  },
  {
    name: "too-big-for-ram",
    spoil: defined("latencyResources", "9000"),
    errors: [{ path: "config", message: "the firmware is 287,116 bytes too big for the chip's RAM" }],
  },
];
