import type { Complaint } from "../errors.ts";
import { collect, complain } from "./complaints.ts";
import type { SourceLine, Sources } from "./sources.ts";

/** `dir/file:line[:column]: error: message`, as compilers print it, and our own images. */
const error = /^(?:.*\/)?([^/:]+):(\d+):(?:\d+:)? (?:fatal )?error: (.+)$/;

/** Finds the complaints that name a line of a KLL file themselves. */
export function directComplaints(lines: readonly string[], sources: Sources): Complaint[] {
  return collect(lines, (line) => {
    const [, file = "", number, message = ""] = error.exec(line) ?? [];
    const at = sources.at(file, Number(number));
    return at ? [complain(at, message)] : [];
  });
}

/**
 * Finds what the compiler and the linker say of generated code, by the names in it that stand in the layout, too: of
 * animations, of functions behind a capability, and the values of defines.
 */
export function compilerComplaints(lines: readonly string[], sources: Sources): Complaint[] {
  return collect(lines, (line, index) => {
    const [, , , message] = error.exec(line) ?? [];
    const [, missing] = /: undefined reference to [`']([A-Za-z_]\w*)'$/.exec(line) ?? [];
    if (missing !== undefined) {
      return sources
        .withWord(missing)
        .map((at) => complain(at, `there is no function '${missing}' in this firmware`));
    }
    return message === undefined
      ? []
      : aboutCode(message.replace(suggestion, ""), lines[index + 1] ?? "", sources);
  });
}

/** Its guess at what was meant names what is right. */
const suggestion = /; did you mean .*$/;

/** @param excerpt the line of code the compiler shows below its message */
function aboutCode(message: string, excerpt: string, sources: Sources): Complaint[] {
  const names = [...message.matchAll(/['`‘]([A-Za-z_]\w*)['’]/g)].map(([, name = ""]) => name);
  for (const name of names) {
    const animation = /^Animation__(\w+)$/.exec(name)?.[1];
    const found = sources.withWord(animation ?? name);
    if (found.length === 0) continue;
    const unknown = animation ? `unknown animation '${animation}'` : `unknown name '${name}'`;
    return found.map((at) => complain(at, message.includes("undeclared") ? unknown : compilerSays(message)));
  }
  const [, code] = /\/\/ \(S(\d+)\)$/.exec(excerpt) ?? [];
  if (code !== undefined) return noScanCode(Number(code), sources);
  const [, value] = /^\s*\d+ \| #define \w+ (.+)$/.exec(excerpt) ?? [];
  const setting =
    value === undefined
      ? refused(message, sources)
      : [`="${value}";`, `=${value};`].flatMap((text) => sources.withWord(text));
  return setting.map((at) => complain(at, compilerSays(message)));
}

/** kll notes beside each trigger it makes which scan code it is for. */
function noScanCode(code: number, sources: Sources): Complaint[] {
  return sources
    .matching((text) => [...text.matchAll(/\bS(\w+)/g)].some(([, number]) => Number(number) === code))
    .map((at) => complain(at, `there is no scan code ${code}`));
}

/** The lines that set what an `#error` of the firmware speaks of; it spells names with a capital. */
function refused(message: string, sources: Sources): SourceLine[] {
  if (!message.startsWith("#error ")) return [];
  const words = new Set(message.toLowerCase().match(/\w+/g));
  return sources.matching((code) => words.has(/^(\w+)=/.exec(code)?.[1]?.toLowerCase() ?? ""));
}

function compilerSays(message: string): string {
  return `the compiler says: ${message}`;
}

const memories: Record<string, string> = { FLASH: "flash", RAM: "RAM" };

/** Finds by how much the firmware is too big for the chip; that is about the layout as a whole. */
export function overflowComplaints(lines: readonly string[], root: string): Complaint[] {
  return collect(lines, (line) => {
    const [, region = "", bytes] = /region [`'](\w+)' overflowed by (\d+) bytes?/.exec(line) ?? [];
    if (bytes === undefined) return [];
    const surplus = Number(bytes).toLocaleString("en-US");
    const message = `the firmware is ${surplus} bytes too big for the chip's ${memories[region] ?? region}`;
    return [{ path: root, message }];
  });
}
