import { type Config, readConfig } from "../config.ts";
import { type Command, usage } from "./command.ts";
import { stopSignals } from "./interrupt.ts";

/** The server's own modules: loaded for this command alone, so that the others start at once. */
export type LoadServer = () => Promise<{
  startLogged(config: Config): Promise<{ stop(signal: string): Promise<void> }>;
}>;

/** `kiisrv serve`: the server, until SIGTERM, SIGINT or SIGHUP. */
export function serve(load: LoadServer): Command {
  return {
    name: "serve",
    summary: "run the server; it is set up by the environment variables below",
    help: "kiisrv serve\n\n  Runs until SIGTERM, SIGINT (^C) or SIGHUP (a terminal that is closed), then finishes what runs and exits 0.",

    async run(args, { environment }) {
      if (args.length > 0) throw usage("serve takes no arguments");
      const config = readConfig(environment);
      const { startLogged } = await load();
      const server = await startLogged(config);
      await server.stop(await stopSignal());
    },
  };
}

/** The first signal to stop. Later ones change nothing: unheard, they would end the process in the midst of stopping. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of stopSignals) process.on(signal, () => resolve(signal));
  });
}
