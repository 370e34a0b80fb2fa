import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { listPages, type Page, readPage, root } from "../../scripts/docs/page.ts";
import { configVariables } from "../../src/config.ts";

const pages = listPages().map(readPage);

function helpOf(...words: string[]): string {
  return execFileSync(process.execPath, [join(root, "src/main.ts"), ...words, "--help"], {
    encoding: "utf8",
  });
}

/** Each command of the command line, with its help. */
const commands = new Map(
  [...helpOf().matchAll(/^ {2}kiisrv (\w+)/gm)].map(([, name = ""]) => [name, helpOf(name)] as const),
);

const targets = new Set(
  [...readFileSync(join(root, "Makefile"), "utf8").matchAll(/^([a-z-]+):/gm)].map(([, name]) => name),
);

/** Variables that programs other than the server read: the compose files, scripts and the images. */
const elsewhere = execFileSync(
  "git",
  [
    "grep",
    "-hoE",
    String.raw`\b(KIISRV|HOST_TMP)_[A-Z0-9_]*[A-Z0-9]`,
    "--",
    "compose*.yaml",
    "scripts",
    "controllers",
  ],
  { cwd: root, encoding: "utf8" },
);
const variables = [...new Set([...configVariables(), ...elsewhere.trim().split("\n")])];

describe.for(pages)("$path", (page) => {
  test("links to what is there", () => {
    expect(page.links.filter((link) => !leadsSomewhere(page, link))).toEqual([]);
  });

  test("names files that are there", () => {
    const places = /^(?:src|docs|scripts|test|controllers|schema|layouts|bench|bin|\.ci)\/[\w./-]+$/;
    expect(page.code.filter((code) => places.test(code) && !existsSync(join(root, code)))).toEqual([]);
  });

  test("names variables that mean something", () => {
    const named = page.text.match(/\b(?:KIISRV|HOST_TMP)_[A-Z0-9_]*/g) ?? [];
    expect(named.filter((name) => !isVariable(name))).toEqual([]);
  });

  test("calls kiisrv as its help says", () => {
    expect(codeLines(page).flatMap(callsOf).flatMap(mistakesOf)).toEqual([]);
  });

  test("makes targets that are there", () => {
    const named = codeLines(page).flatMap((line) => [...line.matchAll(/(?:^|&& )make ((?:[a-z-]+ ?)+)/g)]);
    const unknown = named
      .flatMap(([, words = ""]) => words.trim().split(" "))
      .filter((name) => !targets.has(name));
    expect(unknown).toEqual([]);
  });

  test("fences its code, so that commands are known as such", () => {
    const lines = page.text.split("\n");
    const bare = page.blocks.filter(({ line }) => !/^\s*```/.test(lines[line - 2] ?? ""));
    expect(bare.map(({ line }) => line)).toEqual([]);
  });
});

function leadsSomewhere(page: Page, link: string): boolean {
  if (/^https?:/.test(link)) return true;
  const [file = "", anchor] = link.split("#");
  const path = file === "" ? page.path : join(dirname(page.path), file);
  if (!existsSync(join(root, path))) return false;
  return anchor === undefined || readPage(path).anchors.includes(anchor);
}

/** A name that ends in `_` stands for all that begin so: `KIISRV_KEEP_…`. */
function isVariable(name: string): boolean {
  return name.endsWith("_") ? variables.some((one) => one.startsWith(name)) : variables.includes(name);
}

function codeLines({ blocks, code }: Page): string[] {
  const shell = blocks.filter(({ language }) => language === "sh");
  return [...shell.flatMap(({ text }) => text.replaceAll("\\\n", " ").split("\n")), ...code];
}

/** Calls of the command line: what follows `kiisrv` up to the end of the command. */
function callsOf(line: string): string[] {
  const command = /(?:^|[ /])kiisrv ((?!kiisrv\b)[a-z]\w*(?: [^|;&>#]*)?)/g;
  const isCall = /^\s*(?:[A-Z_]+=\S* )*(?:bin\/|npx --no-install )?kiisrv |kiisrv kiisrv /;
  return isCall.test(line) ? [...line.matchAll(command)].map(([, call = ""]) => call) : [];
}

function mistakesOf(call: string): string[] {
  const [name = "", second = ""] = call.split(" ");
  const help = commands.get(name);
  if (help === undefined) return [`no command: ${call}`];
  const takesWord = help.startsWith(`kiisrv ${name} `) && /^kiisrv \w+ [a-z]/.test(help);
  const words = takesWord && /^[a-z]+$/.test(second) ? [`kiisrv ${name} ${second}`] : [];
  const options = call.match(/(?<=[ [])--?[a-z][\w-]*/g) ?? [];
  return [...words, ...options].filter((word) => !help.includes(word)).map((word) => `no ${word}: ${call}`);
}
