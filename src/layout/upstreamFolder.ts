import { type Complaint, Problem } from "../errors.ts";
import { inspectLayout } from "./inspect.ts";
import { layoutFileName, maxLayoutBytes } from "./shelf.ts";

/** An entry of a folder elsewhere whose name ends in `.json`, as it was found: nothing is known of it yet. */
export interface UpstreamEntry {
  name: string;
  kind: "file" | "link" | "other";
  bytes: number;
  /** The file's content; of a link, where it points. */
  read(): Promise<Buffer>;
}

/** A folder of layouts in which everything is as it must be. */
export interface CheckedFolder {
  files: Map<string, Buffer>;
  /** Alias -> the file or alias it points to. */
  aliases: Map<string, string>;
}

/** Far beyond any library known (48 layouts, 1.2 MB). */
const mostEntries = 2000;
const mostBytes = 64 * 1024 * 1024;
const mostComplaints = 100;

/**
 * Reads and checks a folder of layouts: what is taken can be served, and built from.
 * @throws Problem `bad-layout` naming files and JSON paths
 */
export async function checkFolder(entries: readonly UpstreamEntry[]): Promise<CheckedFolder> {
  refuse(sizeComplaints(entries));
  const folder: CheckedFolder = { files: new Map(), aliases: new Map() };
  const complaints: Complaint[] = [];
  for (const entry of entries) {
    if (complaints.length >= mostComplaints) break;
    const content = await entry.read();
    if (entry.kind === "link") folder.aliases.set(entry.name, content.toString());
    else {
      folder.files.set(entry.name, content);
      const checked = inspectLayout(content);
      if (!checked.ok) complaints.push(...checked.complaints.map((one) => about(entry.name, one)));
    }
  }
  refuse([...complaints, ...aliasComplaints(folder)]);
  return folder;
}

function sizeComplaints(entries: readonly UpstreamEntry[]): Complaint[] {
  if (entries.length === 0) return [{ path: "", message: "there are no layouts in it" }];
  if (entries.length > mostEntries)
    return [{ path: "", message: `it holds ${entries.length} layouts; ${mostEntries} are the most` }];
  const complaints = entries.flatMap(({ name, kind, bytes }) => {
    if (!layoutFileName.test(name)) return [{ path: shown(name), message: "is no name a layout can have" }];
    if (kind === "other") return [{ path: name, message: "is neither a file nor a link" }];
    if (bytes > maxLayoutBytes) return [{ path: name, message: `has ${bytes} bytes, too many for a layout` }];
    return [];
  });
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total > mostBytes)
    complaints.push({ path: "", message: `it holds ${total} bytes; ${mostBytes} are the most` });
  return complaints;
}

function aliasComplaints({ files, aliases }: CheckedFolder): Complaint[] {
  return [...aliases.keys()].flatMap((alias) => {
    const passed = new Set<string>();
    let name = alias;
    for (let target = aliases.get(name); target !== undefined; target = aliases.get(name)) {
      passed.add(name);
      name = target;
      if (passed.has(name)) return [{ path: alias, message: "is an alias that leads round to itself" }];
    }
    if (files.has(name)) return [];
    return [{ path: alias, message: `is an alias of '${shown(name)}', which is no layout of the folder` }];
  });
}

function about(file: string, { path, message }: Complaint): Complaint {
  return { path: path === "" ? file : `${file}: ${path}`, message };
}

/** Names and targets are somebody else's text, and this goes to a terminal. */
function shown(name: string): string {
  return name.slice(0, 100).replace(/\p{Cc}/gu, "?");
}

function refuse(complaints: Complaint[]): void {
  if (complaints.length === 0) return;
  const told = complaints.slice(0, mostComplaints);
  throw new Problem("bad-layout", "this library cannot be used", { complaints: told });
}
