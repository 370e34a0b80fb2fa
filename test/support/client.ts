import { type Entry, fromBufferPromise } from "yauzl";

/** What a configurator makes of an answer. */
export interface ClientBuild {
  board: string;
  layout: string;
  hash: string;
  /** The zip holds a log instead of firmware. */
  error: boolean;
  filename: string;
  /** The zip's files, by name. */
  zip: Map<string, Buffer>;
}

/** As the clients in the field split the name of a build. */
const namePattern = /^\.\/[^/]+\/+([A-Za-z0-9_.-]+)-([A-Za-z0-9_.-]+)-([0-9A-Fa-f]+)(_error)?/;

/**
 * Builds a layout the way the configurators in the field do, and fetches the zip.
 *
 * @param base the server's address, without a slash at the end
 * @throws Error with the text that would be shown to the user, when the answer is none that counts
 */
export async function postLayout(base: string, document: unknown, env: string): Promise<ClientBuild> {
  const response = await fetch(`${base}/download.php`, {
    method: "POST",
    headers: { "Content-Type": "application/json; charset=utf-8" },
    body: JSON.stringify({ config: document, env }),
  });
  const answer = (await response.json()) as { filename?: string; success?: boolean; error?: string };
  if (response.status !== 200) throw new Error(answer.error);
  const { filename = "" } = answer;
  const [, board, layout, hash, error] = namePattern.exec(filename) ?? [];
  if (!board || !layout || !hash) throw new Error(`a file name no client understands: ${filename}`);
  if (answer.success !== (error === undefined)) throw new Error(`${filename}: success is ${answer.success}`);
  const zip = await fetch(`${base}/${filename.replace(/^\.\//, "")}`);
  return {
    board,
    layout,
    hash,
    error: error !== undefined,
    filename,
    zip: await unzip(Buffer.from(await zip.arrayBuffer())),
  };
}

/** The files of a zip, by name. */
export async function unzip(bytes: Buffer): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const zip = await fromBufferPromise(bytes);
  for await (const entry of zip.eachEntry() as AsyncIterable<Entry>) {
    const chunks: Buffer[] = [];
    for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
    files.set(entry.fileName, Buffer.concat(chunks));
  }
  return files;
}
