import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, test, vi } from "vitest";
import { repository, repositoryLayouts, temporaryDirectory } from "../support/app.ts";
import { bases, type Document, demoDocument } from "../support/documents.ts";

// Each test starts processes.
vi.setConfig({ testTimeout: 30_000 });

interface Outcome {
  code: number | null;
  output: string;
  errors: string;
}

/** Runs the command line as a person does. */
async function kiisrv(args: string[], more: { input?: string; environment?: NodeJS.ProcessEnv } = {}) {
  const child = spawn(process.execPath, [join(repository, "src/main.ts"), ...args], {
    cwd: repository,
    env: { ...process.env, ...more.environment },
  });
  child.stdin.end(more.input ?? "");
  const [output, errors, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { code, output, errors } as Outcome;
}

/** Runs `kiisrv plan`, which must go well; gives what it printed. */
async function planned(args: string[], input?: string) {
  const { code, output, errors } = await kiisrv(["plan", ...args], input === undefined ? {} : { input });
  if (code !== 0) throw new Error(`exit status ${code}: ${errors}`);
  return JSON.parse(output);
}

const standard = join(repositoryLayouts, "Demo-Standard.json");

/** A directory with the bases of the tests and a document, changed a little. */
function library(change: (document: Document) => void = () => {}) {
  const layouts = temporaryDirectory();
  for (const [name, base] of Object.entries(bases)) writeFileSync(join(layouts, name), JSON.stringify(base));
  const document = demoDocument();
  change(document);
  const file = join(layouts, "posted.json");
  writeFileSync(file, JSON.stringify(document));
  return { layouts, file, document };
}

describe("kiisrv plan", () => {
  test("prints the key and the spec", async () => {
    const spec = await planned([standard]);
    expect(spec).toEqual({
      key: expect.stringMatching(/^[0-9a-f]{64}$/),
      contract: 1,
      image: { name: "kiisrv-controller-demo", digest: null },
      command: ["demo.bash"],
      environment: {
        DefaultMapOverride: "stdFuncMap Demo-Standard-0",
        PartialMapsExpandedOverride: "Demo-Standard-1;Demo-Standard-2",
        Layout: "",
      },
      files: [0, 1, 2]
        .map((layer) => ({
          name: `Demo-Standard-${layer}.kll`,
          text: expect.stringContaining('Name = "Demo";'),
        }))
        .concat({ name: "Demo-Standard.json", text: readFileSync(standard, "utf8") }),
      document: "Demo-Standard.json",
      limits: {
        wallSeconds: 300,
        memoryBytes: 1024 * 1024 * 1024,
        cpus: 2,
        pids: 256,
        outputBytes: 64 * 1024 * 1024,
        outputFiles: 512,
        logBytes: 16 * 1024 * 1024,
      },
      outputs: ["kiibohd.dfu.bin", "kiibohd.elf", "kll.json"],
    });
  });

  test("with --out writes exactly the KLL files", async () => {
    const out = join(temporaryDirectory(), "deep", "out");
    const { files } = await planned([standard, "--out", out]);
    const kll = files.filter(({ name }: { name: string }) => name.endsWith(".kll"));
    expect(readdirSync(out).sort()).toEqual(kll.map(({ name }: { name: string }) => name));
    for (const { name, text: expected } of kll) expect(readFileSync(join(out, name), "utf8")).toBe(expected);
  });

  test("reads standard input, whatever it is", async () => {
    const { key } = await planned([standard]);
    expect((await planned(["-"], readFileSync(standard, "utf8"))).key).toBe(key);
  });

  test("gives the same key for another order of keys and other white space, another one for another layout", async () => {
    const document = JSON.parse(readFileSync(standard, "utf8"));
    const { header, ...rest } = document;
    const reordered = { ...rest, header: Object.fromEntries(Object.entries(header).reverse()) };
    const { key } = await planned([standard]);
    expect((await planned(["-"], JSON.stringify(reordered))).key).toBe(key);
    header.Author = "somebody else";
    expect((await planned(["-"], JSON.stringify(document))).key).not.toBe(key);
  });

  test("with --digest gives the key of that image", async () => {
    const [none, one, other] = await Promise.all([
      planned([standard]),
      planned([standard, "--digest", `sha256:${"1".repeat(64)}`]),
      planned([standard, "--digest", `sha256:${"2".repeat(64)}`]),
    ]);
    expect(one.image.digest).toBe(`sha256:${"1".repeat(64)}`);
    expect(new Set([none.key, one.key, other.key]).size).toBe(3);
  });

  test("with --layouts takes the base layouts from there, as with KIISRV_LAYOUTS", async () => {
    const { layouts, file } = library();
    const spec = await planned([file, "--layouts", layouts]);
    expect(spec.files[0].text).toContain('U"A" : U"B";');
    const { code, output } = await kiisrv(["plan", file], { environment: { KIISRV_LAYOUTS: layouts } });
    expect([code, JSON.parse(output).key]).toEqual([0, spec.key]);
  });

  test("with --version and --dialect plans for another firmware", async () => {
    const { layouts, file } = library((document) => {
      document.header.Name = "MD1.1";
      document.animations = { wave: { settings: "loop", frames: ["P[1](0)"] } };
    });
    const plan = (...args: string[]) => planned([file, "--layouts", layouts, ...args]);
    const [latest, lts, legacy] = await Promise.all([
      plan(),
      plan("--version", "lts"),
      plan("--version=lts", "--dialect=legacy"),
    ]);
    expect(latest.image.name).toBe("kiisrv-controller-057");
    expect(lts.image.name).toBe("kiisrv-controller-050");
    expect(lts.files[0].text).toContain("A[wave] <= loop;");
    expect(legacy.files[0].text).not.toContain("A[wave]");
  });

  test("warns of what is left out, on standard error", async () => {
    const { layouts, file } = library((document) => {
      document.custom = { 9: "beyond" };
    });
    const { code, output, errors } = await kiisrv(["plan", file, "--layouts", layouts]);
    expect(code).toBe(0);
    expect(JSON.parse(output).contract).toBe(1);
    expect(errors).toMatch(/^warning: config\.custom\.9: /);
  });
});

describe("a plan that cannot be made", () => {
  test("tells everything that is wrong with the layout", async () => {
    const { layouts, file } = library((document) => {
      document.header.Author = 'a"b';
      document.matrix = [{ code: 5, layers: { "01": { key: "A" } } }];
    });
    const { code, output, errors } = await kiisrv(["plan", file, "--layouts", layouts]);
    expect([code, output]).toEqual([1, ""]);
    expect(errors).toMatch(/^kiisrv plan: the layout cannot be built\n/);
    for (const path of ["config.header.Author", "config.matrix[0].code", "config.matrix[0].layers.01"]) {
      expect(errors).toContain(`\n  ${path}: `);
    }
  });

  test("writes nothing", async () => {
    const out = join(temporaryDirectory(), "out");
    const { layouts, file } = library((document) => {
      document.header.Base = "Nonesuch";
    });
    expect((await kiisrv(["plan", file, "--layouts", layouts, "--out", out])).code).toBe(1);
    expect(() => readdirSync(out)).toThrow(/ENOENT/);
  });

  test.for([
    ["no JSON", ["-"], 1, /line 1/],
    ["a missing file", ["nonesuch.json"], 1, /nonesuch\.json cannot be read: ENOENT/],
    ["a directory", ["layouts"], 1, /layouts cannot be read: EISDIR/],
    ["an unknown version", [standard, "--version", "v9"], 1, /v9.*\n.*must be one of demo, latest/],
    ["an unknown dialect", [standard, "--dialect", "klingon"], 2, /no dialect 'klingon'/],
    ["an unknown option", [standard, "--force"], 2, /--force/],
    ["an option without its value", [standard, "--out"], 2, /--out/],
    ["no file", [], 2, /takes one layout file/],
    ["two files", [standard, standard], 2, /takes one layout file/],
  ] as const)("for %s says so", async ([, args, status, message]) => {
    const { code, output, errors } = await kiisrv(["plan", ...args], { input: "{" });
    expect([code, output]).toEqual([status, ""]);
    expect(errors).toMatch(/^kiisrv plan: /);
    expect(errors).toMatch(message);
    expect(errors).not.toMatch(/\n\s+at /);
    if (status === 2) expect(errors).toContain("kiisrv plan LAYOUT.json [--version NAME]");
  });

  test("for a request says that it takes the layout in it", async () => {
    const input = `{"config":${readFileSync(standard, "utf8")},"env":"latest"}`;
    const { code, output, errors } = await kiisrv(["plan", "-"], { input });
    expect([code, output]).toEqual([1, ""]);
    expect(errors).toBe("kiisrv plan: - is a request; plan takes the layout, which is its config\n");
  });

  test("for a directory that cannot be made says so", async () => {
    const out = join(temporaryDirectory(), "file");
    writeFileSync(out, "");
    const { code, errors } = await kiisrv(["plan", standard, "--out", out]);
    expect(code).toBe(1);
    expect(errors).toMatch(/^kiisrv plan: EEXIST/);
  });

  test("for a configuration that cannot be read names every variable", async () => {
    const environment = { KIISRV_PORT: "http", KIISRV_BUILD_CPUS: "-1" };
    const { code, errors } = await kiisrv(["plan", standard], { environment });
    expect(code).toBe(1);
    expect(errors).toMatch(/KIISRV_PORT=http: .*\n.*KIISRV_BUILD_CPUS=-1: /);
  });

  test("for a broken base layout says which", async () => {
    const { layouts, file } = library();
    writeFileSync(join(layouts, "Demo-Plain.json"), "{");
    const { code, errors } = await kiisrv(["plan", file, "--layouts", layouts]);
    expect(code).toBe(1);
    expect(errors).toMatch(/Demo-Plain\.json of this server is broken/);
  });

  test("for a library that is not there says what is missing", async () => {
    const { file } = library();
    const empty = temporaryDirectory();
    mkdirSync(join(empty, "layouts"));
    const { code, errors } = await kiisrv(["plan", file, "--layouts", join(empty, "layouts")]);
    expect(code).toBe(1);
    expect(errors).toMatch(/config\.header\.Base: .*Demo-Plain\.json/);
  });
});

describe("kiisrv", () => {
  test.for([["--help"], ["-h"], ["help"]])("%s lists commands and settings", async (args) => {
    const { code, output, errors } = await kiisrv(args);
    expect([code, errors]).toEqual([0, ""]);
    for (const word of ["kiisrv serve", "kiisrv plan", "KIISRV_PORT", "HOST_TMP_CONFIG", "[3001]"]) {
      expect(output).toContain(word);
    }
  });

  test("alone lists them too, but did nothing", async () => {
    const { code, output } = await kiisrv([]);
    expect(code).toBe(2);
    expect(output).toContain("kiisrv plan");
  });

  test.for([
    ["fly", "kiisrv: there is no command 'fly'\n"],
    ["doktor", "kiisrv: there is no command 'doktor'; did you mean doctor?\n"],
  ] as const)("says of the command %s, in two lines, that there is none", async ([name, message]) => {
    const { code, output, errors } = await kiisrv([name]);
    expect([code, output]).toEqual([2, ""]);
    expect(errors).toBe(`${message}kiisrv --help lists the commands\n`);
  });

  test.for([["version"], ["--version"]])("%s prints that of the product", async (args) => {
    const { version } = JSON.parse(readFileSync(join(repository, "package.json"), "utf8"));
    expect(await kiisrv(args)).toEqual({ code: 0, output: `${version}\n`, errors: "" });
  });

  test.for([
    ["plan", "--layouts DIR"],
    ["serve", "SIGTERM"],
  ] as const)("%s --help explains", async ([command, words]) => {
    const { code, output } = await kiisrv([command, "--help"]);
    expect(code).toBe(0);
    expect(output).toContain(words);
  });

  test("serve takes no arguments", async () => {
    const { code, errors } = await kiisrv(["serve", "--port", "1"]);
    expect(code).toBe(2);
    expect(errors).toContain("takes no arguments");
  });
});
