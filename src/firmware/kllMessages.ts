import type { Complaint } from "../errors.ts";
import { collect, complain } from "./complaints.ts";
import type { SourceLine, Sources } from "./sources.ts";

/**
 * What kll (0.5.7.x) prints when it fails. Faults it notices while it reads a file it tells in one or more lines, the
 * last of which names file and line of the statement. On the rest it gives up with no more than a name, or a traceback.
 */

/** `ERROR: OperationSpecificsStage:parse -> …@['MD1', '1-Hacker-0']_processed.kll:30`: it splits names at dots. */
const statement = /^ERROR: \w+:\w+ -> .*@\['(.+)'\]_processed\.kll:(\d+)$/;

/** Of what cannot be read: the lexer shows all up to the end of a statement that may have none. */
const shown = 40;

/** A layer key that was left as it was: the controller's map of functions has effect on layer 0 alone. */
const unresolved = /^ERROR: 'HID\(USBCode,\w+\)"\d+"(\w+)' Invalid USB HID code, missing FuncMap/;

/** What is wrong with the statement named further down. */
const located: [pattern: RegExp, message: (match: string[], statement: string) => string][] = [
  [
    /^ERROR: '(.*)' \(.*\) is an invalid USB HID Code Lookup/,
    ([, name = ""], text) => unknownKey(name, text),
  ],
  [
    /^ERROR: '(.*)' is not a valid modifier arg for '(.*)'$/,
    ([, value, name]) => `'${value}' is no value of '${name}'`,
  ],
  [/^ERROR: '(.*)' is not a valid modifier (?!arg for)/, ([, name]) => `unknown setting '${name}'`],
  [/^got unexpected token: <EOF>$/, () => "the statement ends too early"],
  [/^got unexpected token: [\d,-]+: \w+ '(.*)'$/, ([, token]) => `unexpected '${token}'`],
  [
    /^LexerError cannot tokenize data: \d+,\d+: "(.*)"$/,
    ([, text = ""]) => `cannot be read: ${text.trim().slice(0, shown)}`,
  ],
];

/** What is wrong wherever a word or call stands. */
const unlocated: [
  pattern: RegExp,
  word: (match: string[]) => string,
  message: (match: string[]) => string,
][] = [
  [
    /^ERROR: incorrect number of arguments for (\w+)(\(.*\))\. Expected (\d+) Got (\d+)$/,
    ([, name = "", call = ""]) => name + call,
    ([, name, , expected, got]) => `'${name}' takes ${plural(Number(expected), "argument")}, not ${got}`,
  ],
  [
    /^ERROR: '(.*)' is an incorrect (?:sub)?argument for '(.*)', should be a '.*'$/,
    ([, value = "", name = ""]) => `${name}:${value}`,
    ([, value, name]) => `'${value}' is no value of '${name}'`,
  ],
  [/^KeyError: '(\w+)'$/, ([, name = ""]) => `${name}(`, ([, name]) => `unknown capability '${name}'`],
  [
    /ComposeException: '(.+)' is not defined as a composition/,
    ([, character = ""]) => character,
    ([, character]) => `no key types '${character}'`,
  ],
];

/** Finds kll's complaints in the lines of a build log. */
export function kllComplaints(lines: readonly string[], sources: Sources): Complaint[] {
  const unexplained = () => "cannot be read";
  let explain: (statement: string) => string = unexplained;
  return collect(lines, (line) => {
    const [, parts, number] = statement.exec(line) ?? [];
    if (parts !== undefined) {
      const at = sources.at(`${parts.replaceAll("', '", ".")}.kll`, Number(number));
      const complaints = at ? [complain(at, explain(at.text))] : [];
      explain = unexplained;
      return complaints;
    }
    for (const [pattern, message] of located) {
      const match = pattern.exec(line);
      if (match) explain = (text) => message(match, text);
    }
    if (line.startsWith("OverflowError: int too big")) return tooLarge(sources);
    const layerKey = unresolved.exec(line)?.[1];
    return layerKey === undefined ? named(line, sources) : aboveLayer0(layerKey, sources);
  });
}

function named(line: string, sources: Sources): Complaint[] {
  for (const [pattern, word, message] of unlocated) {
    const match = pattern.exec(line);
    if (match) return sources.withWord(word(match)).map((at) => complain(at, message(match)));
  }
  return [];
}

/** kll does not say which number it was: it is told where only one comes into question. */
function tooLarge(sources: Sources): Complaint[] {
  const calls = sources.matching((code) =>
    [...code.matchAll(/\w\(([^()]*)\)/g)].some(([, list]) => list?.split(",").some((n) => Number(n) > 255)),
  );
  const [only, ...others] = calls;
  return only && others.length === 0 ? [complain(only, "a number is too large for the capability")] : [];
}

/** The keys of other layers that are to do what a layer key does. */
function aboveLayer0(name: string, sources: Sources): Complaint[] {
  const meaning = new RegExp(`:\\s*U"${name}"\\s*;`, "i");
  const isOnLayer0 = ({ origin }: SourceLine) => /\.(?:layers\.0\.key|custom\.0)$/.test(origin.path);
  return sources
    .matching((_code, line) => !isOnLayer0(line) && meaning.test(line.text))
    .map((at) =>
      complain(at, `'${name}' works on layer 0 only; elsewhere call a capability, like layerShift`),
    );
}

/** What the pages of key names are called. */
const pages: Record<string, string> = { CONS: "consumer key", SYS: "system key" };

function unknownKey(name: string, text: SourceLine["text"]): string {
  const page = Object.keys(pages).find((prefix) => text.includes(`${prefix}"${name}"`));
  return `unknown ${(page && pages[page]) ?? "key"} '${name}'`;
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
