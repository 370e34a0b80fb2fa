import { readFileSync } from "node:fs";
import { type Command, usage } from "./command.ts";

/** `kiisrv version`, and `kiisrv --version`. */
export const version: Command = {
  name: "version",
  summary: "print the version of this program",
  help: "kiisrv version",

  async run(args, { output }) {
    if (args.length > 0) throw usage("version takes no arguments");
    output(productVersion());
  },
};

/** The version in `package.json`, which lies two floors up from the sources as well as from `dist/`. */
export function productVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return String(version);
}
