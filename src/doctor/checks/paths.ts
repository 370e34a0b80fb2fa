import { dirname } from "node:path";
import { type Check, check, fail, ok, skip } from "../check.ts";
import { shellWord } from "../text.ts";

export const paths: Check[] = [
  check({
    id: "paths.container",
    title: "a container starts as a build's does",
    why: "It is made with every option of a build; what the daemon refuses here, it refuses to every build.",
    needs: ["rehearsal"],
    judge({ rehearsal: { fault, image, inputs, outputs } }) {
      if (fault === null) return ok(`in ${image}`);
      if (/bind source path does not exist|no such file or directory/.test(fault)) {
        return fail(
          fault,
          `the daemon has no directory ${dirname(inputs)}, or no ${dirname(outputs)}: set HOST_TMP_CONFIG and HOST_TMP_BUILDS to\n` +
            "the host's paths of KIISRV_TMP_CONFIG and KIISRV_TMP_BUILDS; where the server is no container, unset both",
        );
      }
      return fail(
        fault,
        `journalctl -u docker -n 50 says more; docker run --rm --entrypoint true ${shellWord(image)} tells whether any container starts`,
      );
    },
  }),
  check({
    id: "paths.inputs",
    title: "a container reads what the server wrote",
    why: "Inputs that do not arrive make every build fail. The server's path and the daemon's must be one directory.",
    needs: ["rehearsal", "configuration"],
    judge({ rehearsal: { fault, inputsArrive, inputs }, configuration: { settings } }) {
      if (fault !== null) return skip("no container ran");
      const { tmpConfig } = settings;
      const hostTmpConfig = dirname(inputs);
      if (inputsArrive && inputs === "") return ok("through the daemon");
      if (inputsArrive) return ok(`${tmpConfig} is the daemon's ${hostTmpConfig}`);
      return fail(
        `${tmpConfig} is not the daemon's ${hostTmpConfig}`,
        hostPath("HOST_TMP_CONFIG", tmpConfig),
      );
    },
  }),
  check({
    id: "paths.outputs",
    title: "the server reads what a container wrote",
    why: "Firmware that does not come back is a failed build. The server's path and the daemon's must be one directory.",
    needs: ["rehearsal", "configuration"],
    judge({ rehearsal: { fault, outputsArrive, outputs }, configuration: { settings } }) {
      if (fault !== null) return skip("no container ran");
      const { tmpBuilds } = settings;
      const hostTmpBuilds = dirname(outputs);
      if (outputsArrive && outputs === "") return ok("through the daemon");
      if (outputsArrive) return ok(`${tmpBuilds} is the daemon's ${hostTmpBuilds}`);
      return fail(
        `${tmpBuilds} is not the daemon's ${hostTmpBuilds}`,
        hostPath("HOST_TMP_BUILDS", tmpBuilds),
      );
    },
  }),
];

function hostPath(variable: string, path: string): string {
  return (
    `${variable}=DIRECTORY, the host's path of ${path}; where the server is no container, unset it. In a container this shows it:\n` +
    `docker inspect CONTAINER --format '{{range .Mounts}}{{println .Source .Destination}}{{end}}' | grep ${shellWord(path)}`
  );
}
