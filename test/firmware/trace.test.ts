import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { planBuild } from "../../src/build/plan.ts";
import { Sources } from "../../src/firmware/sources.ts";
import { tellingLine, trace } from "../../src/firmware/trace.ts";
import { context, type Document, demoDocument, request } from "../support/documents.ts";
import { failures, soundLayout } from "./failures.ts";

function sourcesOf(layout: Document): Sources {
  const { spec, origins } = planBuild(request(layout), context);
  return new Sources(spec.files, origins);
}

function recorded(name: string): string {
  return readFileSync(new URL(`logs/${name}.txt`, import.meta.url), "utf8");
}

describe("the recorded log of a build with", () => {
  it.for(failures)("$name leads back to the layout", ({ name, spoil, errors }) => {
    const layout = soundLayout();
    spoil(layout);
    expect(trace(recorded(name), sourcesOf(layout), "config")).toEqual(errors);
  });

  it.for(failures)("$name accuses no other layout", ({ name }) => {
    const other = { ...demoDocument(), defines: [] };
    const aboutValues = trace(recorded(name), sourcesOf(other), "config");
    expect(aboutValues.filter(({ path }) => path !== "config")).toEqual([]);
  });
});

describe("tracing", () => {
  const layout = { ...soundLayout(), custom: { 0: 'one\ntwo\n\nU"A" : mine( 1 );' } };
  const sources = sourcesOf(layout);
  const find = (...lines: string[]) => trace(lines.join("\n"), sources, "config");

  it("follows what names a line of a KLL file itself, in colour or not, whatever the directory", () => {
    const place = "K-Type-Trace-1.kll:12";
    const errors = [{ path: "config.matrix[1].layers.1.key", message: "no such key" }];
    expect(find(`${place}:8: error: no such key`)).toEqual(errors);
    expect(find(`/in/put/${place}: error: no such key`, `${place}:8: error: no such key`)).toEqual(errors);
    expect(find(`\u001b[1m${place}:8:\u001b[m \u001b[31merror:\u001b[m no such key\r`)).toEqual(errors);
  });

  it("tells two faults of one line apart", () => {
    const errors = find("K-Type-Trace-0.kll:13:1: error: one", "K-Type-Trace-0.kll:13:9: error: two");
    expect(errors.map(({ message }) => message)).toEqual(["one", "two"]);
  });

  it("reads names with dots as kll splits them", () => {
    const { header } = demoDocument();
    const dotted = { ...demoDocument(), header: { ...header, Name: "MD1.1", Layout: "A.b" } };
    const log = "ERROR: OperationSpecificsStage:parse -> /tmp/kll/x@['MD1', '1-A', 'b-0']_processed.kll:2";
    expect(trace(log, sourcesOf(dotted), "config")).toEqual([
      { path: "config.header.Variant", message: "cannot be read" },
    ]);
  });

  it("names every key that has an unknown capability, and no comment or key of that name", () => {
    const many = soundLayout();
    many.custom[1] = '# foo( 1 )\nU"foo" : U"A";\nU"B" : foo(2);\nU"B" : foobar( 2 );';
    const layers = many.matrix[1]?.layers;
    if (layers) layers[1] = { key: "#:foo( 2 )" };
    expect(trace("KeyError: 'foo'", sourcesOf(many), "config").map(({ path, line }) => [path, line])).toEqual(
      [
        ["config.matrix[1].layers.1.key", undefined],
        ["config.custom.1", 3],
      ],
    );
  });

  it("names the layer keys that stand on other layers than 0", () => {
    const shifted = soundLayout();
    shifted.custom = { 0: 'U"C" : U"FUNCTION2";', 1: 'U"C" : U"FUNCTION2";\nU"D" : U"FUNCTION22";' };
    for (const layer of [0, 1])
      Object.assign(shifted.matrix[1]?.layers ?? {}, { [layer]: { key: "FUNCTION2" } });
    const line =
      "ERROR: 'HID(USBCode,default)\"241\"Function2' Invalid USB HID code, missing FuncMap layout (e.g. stdFuncMap, lcdFuncMap)";
    const message = "'Function2' works on layer 0 only; elsewhere call a capability, like layerShift";
    expect(trace(line, sourcesOf(shifted), "config")).toEqual([
      { path: "config.matrix[1].layers.1.key", message },
      { path: "config.custom.1", line: 1, message: `line 1: ${message}` },
    ]);
  });

  it.for([
    "K-Type-Trace-0.kll:99: error: behind the end",
    "K-Type-Trace-7.kll:1: error: no such file",
    "K-Type-Trace-0.kll:1: warning: only a warning",
    "__proto__:1: error: no file at all",
    "ERROR: OperationSpecificsStage:parse -> /tmp/kll/x@['stdFuncMap']_processed.kll:2",
  ])("finds nothing in %j", (line) => expect(find(line)).toEqual([]));

  it("bounds what a log can make it say, and cleans it", () => {
    const place = "K-Type-Trace-0.kll:13: error:";
    const log = Array.from({ length: 5000 }, (_, index) => `${place} ${index}\u0007${"x".repeat(999)}`);
    const errors = find(...log);
    expect(errors).toHaveLength(100);
    expect(errors[0]?.message).toMatch(/^0 x{298}…$/);
  });

  it("stays small when a log accuses everything again and again", { timeout: 20_000 }, () => {
    const many = soundLayout();
    many.custom[0] = 'U"A" : foo( 1 );\n'.repeat(5000);
    const log = "KeyError: 'foo'\na.c:1: error: #error foo\n".repeat(50_000);
    expect(trace(log, sourcesOf(many), "config")).toHaveLength(100);
  });

  it("takes no long time for what was made to take long", { timeout: 20_000 }, () => {
    const log = [
      "@['".repeat(300_000),
      "a/".repeat(300_000),
      "error: ".repeat(100_000),
      "\u001b]".repeat(300_000),
    ];
    const long = soundLayout();
    const words = `${"a".repeat(2000)}\n`.repeat(2000);
    long.custom[0] = [" ".repeat(1_000_000), "\"'".repeat(500_000), "(".repeat(500_000), words].join("\n");
    expect(trace(`${log.join("\n")}\nKeyError: 'x'`, sourcesOf(long), "config")).toEqual([]);
  });

  it("searches a large layout for some words, and not for any number", { timeout: 20_000 }, () => {
    const large = soundLayout();
    large.custom[0] = 'U"A" : mine( 1 );\n'.repeat(90_000);
    const log = Array.from({ length: 5000 }, (_, index) => `KeyError: 'word${index}'`);
    expect(trace([...log, "KeyError: 'mine'"].join("\n"), sourcesOf(large), "config")).toEqual([]);
    expect(trace(["KeyError: 'mine'", ...log].join("\n"), sourcesOf(large), "config")).toHaveLength(100);
  });
});

describe("the line that tells most", () => {
  it.for([
    [
      "is the first error",
      "a\n/opt/x/main.c:1:2: error: bad\nb.c:1: error: worse\nmake: *** Error 1",
      "main.c:1:2: error: bad",
    ],
    [
      "is no noise of kll",
      "ERROR: /b/A-0.kll\n  Contains possibly incompatible KLL expressions\nlast",
      "last",
    ],
    [
      "is how a traceback ends",
      "Traceback (most recent call last):\n  File x\nOSError: no space\nend",
      "OSError: no space",
    ],
    [
      "is what the linker misses",
      "a.o: undefined reference to `x'\nError in build. Exiting...\n/b",
      "a.o: undefined reference to `x'",
    ],
    ["is else the last one", "one\ntwo\n\nninja: build stopped: subcommand failed.\n", "two"],
  ] as const)("%s", ([, log, line]) => expect(tellingLine(log)).toBe(line));

  it("is none of an empty log", () => expect(tellingLine("\n \n")).toBeUndefined());
});
