import Docker from "dockerode";
import { sshAgent } from "./ssh.ts";

/** The daemon that builds run on. */
export interface Connection {
  docker: Docker;
  /** Whether files are to travel through its API: it may be on another machine, which sees none of our directories. */
  copies: boolean;
}

export interface ConnectionSettings {
  /** The value of DOCKER_HOST. */
  dockerHost: string;
  transfer: "auto" | "mount" | "copy";
}

/**
 * Connects to the daemon that DOCKER_HOST names, as Docker's own tools do: nothing or `unix://…` for a socket of this
 * machine, `tcp://host:port` (with DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, which are read from the environment of this
 * process), `ssh://user@host[:port]`. Nothing is asked yet.
 * @throws Error for an address that is none, or certificates that cannot be read
 */
export function connectDaemon({ dockerHost, transfer }: ConnectionSettings): Connection {
  const remote = dockerHost !== "" && !dockerHost.startsWith("unix://");
  const copies = transfer === "auto" ? remote : transfer === "copy";
  if (dockerHost.startsWith("unix://")) {
    return { docker: new Docker({ socketPath: dockerHost.slice("unix://".length) }), copies };
  }
  if (!dockerHost.startsWith("ssh://")) return { docker: new Docker(), copies };
  // The host's name is for the header alone: the agent knows where to go.
  const options = {
    protocol: "http",
    host: "docker.invalid",
    port: 80,
    agent: sshAgent(new URL(dockerHost)),
  } as const;
  return { docker: new Docker(options), copies };
}
