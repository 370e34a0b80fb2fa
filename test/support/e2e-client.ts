import type { Complaint } from "../../src/errors.ts";
import type { SizeReport } from "../../src/spec/size.ts";
import { unzip } from "./client.ts";

/** The answer to a POST: `filename` and `success`, or `error` and `code`. */
export interface Answer {
  status: number;
  type: string;
  filename: string;
  success: boolean | undefined;
  error: string;
  code: string;
  reason: string | undefined;
  errors: Complaint[] | undefined;
  size: SizeReport | undefined;
}

/** Posts a body as configurators do, and reads the JSON answer. */
export async function post(url: string, body: Buffer | string): Promise<Answer> {
  const response = await fetch(`${url}/`, {
    method: "POST",
    headers: { "Content-Type": "application/json; charset=utf-8" },
    body: new Uint8Array(Buffer.from(body)),
  });
  const json = (await response.json()) as Partial<Answer>;
  const { filename = "", success, error = "", code = "", reason, errors, size } = json;
  const type = response.headers.get("Content-Type") ?? "";
  return { status: response.status, type, filename, success, error, code, reason, errors, size };
}

/** Fetches the zip that an answer names. */
export async function download(url: string, answer: Pick<Answer, "filename">): Promise<Map<string, Buffer>> {
  const response = await fetch(`${url}/${answer.filename.replace(/^\.\//, "")}`);
  if (!response.ok) throw new Error(`${answer.filename}: ${response.status}`);
  return unzip(Buffer.from(await response.arrayBuffer()));
}

/** A file's bytes; fails if it is not there. */
export function fileOf(files: ReadonlyMap<string, Buffer>, name: string): Buffer {
  const bytes = files.get(name);
  if (!bytes) throw new Error(`there is no ${name} among ${[...files.keys()].join(", ")}`);
  return bytes;
}

export function textOf(files: ReadonlyMap<string, Buffer>, name: string): string {
  return fileOf(files, name).toString();
}
