/** The world as a command sees it. */
export interface CommandWorld {
  environment: Readonly<Record<string, string | undefined>>;
  /** Standard input, whole. */
  input(): Promise<Buffer>;
  /** Prints a line of the result. */
  output(line: string): void;
  /** Prints a line for the person at the terminal. */
  report(line: string): void;
}

export interface Command {
  name: string;
  /** One line. */
  summary: string;
  help: string;
  run(args: string[], world: CommandWorld): Promise<void>;
}

/** A command that was not called right; the person is shown its help. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

export function usage(message: string): UsageError {
  return new UsageError(message);
}
