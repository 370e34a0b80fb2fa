import { type Check, check, fail, ok, warn } from "../check.ts";
import { nearest } from "../spelling.ts";
import { abridge, shellWord } from "../text.ts";

/** What the compose files read, and the server never sees. */
const composeVariables =
  /^KIISRV_(IMAGE|SOCKET|CONTROLLERS|MEMORY|CPUS|SUBNET6|SITE|DEFAULT_SITE|PROTOCOLS|ACME|TLS|HTTPS?_PORT|UPSTREAM|PROXY_.*)$/;

/** Variables of before, each with what to write instead. */
const deprecated: Readonly<Record<string, string>> = {
  KIISRV_TRUST_PROXY: "KIISRV_TRUSTED_PROXIES=1",
};

export const configuration: Check[] = [
  check({
    id: "configuration.values",
    title: "every variable can be read",
    why: "With a value it cannot read the server does not start.",
    needs: ["configuration"],
    judge({ configuration: { mistakes } }) {
      if (mistakes.length === 0) return ok("it can");
      const found = mistakes.map(({ label, message }) => `${label}: ${message}`);
      const lines = mistakes.map(({ variable, fallback }) => `${variable}=${shellWord(fallback)}`);
      return fail(found.join("; "), `Set them again; the defaults are:\n${lines.join("\n")}`);
    },
  }),
  check({
    id: "configuration.unknown",
    title: "no variable is misspelt",
    why: "A variable that means nothing has no effect: the default counts instead.",
    needs: ["configuration", "process"],
    judge({ configuration: { set, known }, process: { inContainer } }) {
      const unknown = set.filter(
        (name) => /^(KIISRV_|HOST_TMP_)/.test(name) && !known.includes(name) && !composeVariables.test(name),
      );
      const seen = inContainer ? "that reached this container" : "that is set";
      if (unknown.length === 0) return ok(`every KIISRV_* variable ${seen} means something`);
      const mends = unknown.map((name) => {
        const near = nearest(name, known);
        return near === undefined ? `unset ${shellWord(name)}` : `rename ${name} to ${near}`;
      });
      return warn(`set, but unknown: ${abridge(unknown)}`, mends.join("\n"));
    },
  }),
  check({
    id: "configuration.deprecated",
    title: "no variable of an older release is used",
    why: "It still works; some release will be the last in which it does.",
    needs: ["configuration"],
    judge({ configuration: { set } }) {
      const old = set.filter((name) => Object.hasOwn(deprecated, name));
      if (old.length === 0) return ok("none is");
      return warn(`set: ${old.join(", ")}`, old.map((name) => `${name} -> ${deprecated[name]}`).join("\n"));
    },
  }),
  check({
    id: "configuration.directories",
    title: "each directory has a purpose of its own",
    why: "Builds write into the outputs' directory; what else lies there could be taken for theirs, or the other way round.",
    needs: ["configuration"],
    judge({ configuration: { settings } }) {
      const { tmpConfig, tmpBuilds, data, layouts } = settings;
      const named = {
        KIISRV_TMP_CONFIG: tmpConfig,
        KIISRV_TMP_BUILDS: tmpBuilds,
        KIISRV_DATA: data,
        KIISRV_LAYOUTS: layouts,
      };
      const twice = Object.entries(named).filter(
        ([, path]) => Object.values(named).filter((one) => one === path).length > 1,
      );
      if (twice.length === 0) return ok("inputs, outputs, data and layouts lie apart");
      return fail(
        `the same directory: ${twice.map(([name, path]) => `${name}=${path}`).join(", ")}`,
        twice
          .map(
            ([name, path]) => `${name}=${shellWord(`${path}/${name.toLowerCase().replace("kiisrv_", "")}`)}`,
          )
          .join("\n"),
      );
    },
  }),
];
