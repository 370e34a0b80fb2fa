const gibibyte = 2 ** 30;
const mebibyte = 2 ** 20;

/** Bytes for a person: `512 MiB`, `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < gibibyte) return `${Math.floor(bytes / mebibyte)} MiB`;
  return `${(bytes / gibibyte).toFixed(1)} GiB`;
}

/** A word as a shell takes it. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function shellWords(words: readonly string[]): string {
  return words.map(shellWord).join(" ");
}

/** The first few of a list, and how many more there are. */
export function abridge(items: readonly string[], most = 5): string {
  const rest = items.length - most;
  return items.slice(0, most).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

/** What others wrote, fit for a terminal: no character that moves it, hides text or turns its direction; bounded. */
export function printable(text: string, longest = 2000): string {
  const plain = text.replace(/[^\P{C}\n]/gu, "\ufffd");
  return plain.length > longest ? `${plain.slice(0, longest)} …` : plain;
}

/** The same in one line. */
export function oneLine(text: string, longest = 300): string {
  return printable(text.replace(/\s*\n\s*/g, " "), longest);
}

export function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(3, "0");
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // What a daemon or a system call said is in the cause; the Problem around it is written for clients.
  return error.cause instanceof Error ? messageOf(error.cause) : error.message;
}
