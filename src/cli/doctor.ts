import { parseArgs } from "node:util";
import { type Config, type ConfigMistake, configVariables, examineConfig } from "../config.ts";
import { type Examined, tally } from "../doctor/examine.ts";
import { printReport, summary } from "../doctor/print.ts";
import { type Command, type CommandWorld, usage } from "./command.ts";
import { stopSignals } from "./interrupt.ts";

/** What is to be looked at, and how closely. */
export interface Diagnosis {
  config: Config;
  mistakes: readonly ConfigMistake[];
  /** All variables that mean something. */
  known: readonly string[];
  environment: CommandWorld["environment"];
  /** Whether to run a container and see what it sees. */
  rehearse: boolean;
  /** Whether to read the databases whole. */
  thorough: boolean;
  /** Where clients reach the server, if that is to be tried. */
  url?: string | undefined;
}

/** All the server's modules: loaded for this command alone. */
export type LoadDiagnosis = () => Promise<{
  diagnose(diagnosis: Diagnosis, signal: AbortSignal): Promise<Examined[]>;
}>;

const options = {
  json: { type: "boolean", default: false },
  quick: { type: "boolean", default: false },
  verbose: { type: "boolean", default: false },
  url: { type: "string" },
} as const;

/** `kiisrv doctor`: what is wrong with this installation, and how to mend it. */
export function doctor(load: LoadDiagnosis): Command {
  return {
    name: "doctor",
    summary: "check this installation: what is wrong, why it matters, how to mend it",
    help: `kiisrv doctor [--quick] [--verbose] [--json] [--url URL]

  Run it as the user the server runs as, with the server's environment; whether the server runs does not matter.
  It runs a container as a build's, which proves paths and sandbox, and removes whatever it makes.

  --quick     without a container, and without reading the databases whole
  --verbose   explain what is fine, too
  --json      the report as JSON; docs/DOCTOR.md says what is in it
  --url URL   also ask the server at the address that clients use

  Ends with 1 when a check failed, with 0 when there is nothing worse than a warning.`,

    async run(args, { environment, output }) {
      const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
      if (positionals.length > 0) throw usage("doctor takes options alone");
      if (values.url !== undefined && !URL.canParse(values.url)) throw usage("--url takes a URL");
      const { json, quick, verbose, url } = values;
      const { diagnose } = await load();
      const { config, mistakes } = examineConfig(environment);
      const given = { config, mistakes, known: configVariables(), environment, url };
      const interrupted = interruption();
      const examined = await diagnose({ ...given, rehearse: !quick, thorough: !quick }, interrupted);
      if (interrupted.aborted) throw new Error("interrupted; what was made for the checks is removed");
      const colour = process.stdout.isTTY === true && !environment.NO_COLOR;
      output(json ? toJson(examined) : printReport(examined, { verbose, colour }));
      if (tally(examined).fail > 0) throw new Error(summary(examined));
    },
  };
}

/** The stable form: members are added, never changed. */
function toJson(examined: readonly Examined[]): string {
  return JSON.stringify(
    { format: 1, time: new Date().toISOString(), summary: tally(examined), checks: examined },
    null,
    2,
  );
}

/** Aborted by ^C, so that what was made can be removed before the end. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  for (const signal of stopSignals) process.on(signal, () => controller.abort());
  return controller.signal;
}
