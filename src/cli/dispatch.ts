import { describeConfig } from "../config.ts";
import { nearest } from "../doctor/spelling.ts";
import { Problem } from "../errors.ts";
import { type Command, type CommandWorld, UsageError } from "./command.ts";

/**
 * Runs the command a person named.
 * @returns the exit status: 0 done, 1 it did not work, 2 it was called wrongly
 */
export async function dispatch(
  args: string[],
  commands: readonly Command[],
  world: CommandWorld,
): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    world.output(overview(commands));
    return name === undefined ? 2 : 0;
  }
  const sought = name === "--version" ? "version" : name;
  const command = commands.find((one) => one.name === sought);
  if (!command) {
    world.report(`kiisrv: there is no command '${name}'${suggestion(name, commands)}`);
    world.report("kiisrv --help lists the commands");
    return 2;
  }
  if (rest.includes("--help") || rest.includes("-h")) {
    world.output(command.help);
    return 0;
  }
  try {
    await command.run(rest, world);
    return 0;
  } catch (error) {
    return explain(error, command, world);
  }
}

function suggestion(name: string, commands: readonly Command[]): string {
  const near = nearest(
    name,
    commands.map((one) => one.name),
  );
  return near === undefined ? "" : `; did you mean ${near}?`;
}

function overview(commands: readonly Command[]): string {
  const lines = commands.map(({ name, summary }) => `  kiisrv ${name.padEnd(8)}${summary}`);
  return `kiisrv, a firmware build server for keyboard configurators\n\n${lines.join("\n")}\n
Environment [default]; NAME_FILE=PATH takes the value of NAME from a file:\n${describeConfig()}`;
}

function explain(error: unknown, command: Command, { report }: CommandWorld): number {
  if (isUsageError(error)) {
    report(`kiisrv ${command.name}: ${error.message}\n\n${command.help}`);
    return 2;
  }
  if (error instanceof Problem) {
    report(`kiisrv ${command.name}: ${error.message}`);
    for (const { path, message } of error.complaints)
      report(path === "" ? `  ${message}` : `  ${path}: ${message}`);
    return 1;
  }
  report(`kiisrv ${command.name}: ${error instanceof Error ? error.message : String(error)}`);
  return 1;
}

/** Ours, or one that node's own argument parser throws. */
function isUsageError(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  return error instanceof Error && "code" in error && String(error.code).startsWith("ERR_PARSE_ARGS_");
}
