import { readFileSync } from "node:fs";
import { join } from "node:path";
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
  if (dockerHost === "") return { docker: new Docker(), copies };
  if (!dockerHost.startsWith("ssh://")) return { docker: overTcp(dockerHost), copies };
  // The host's name is for the header alone: the agent knows where to go.
  const options = {
    protocol: "http",
    host: "docker.invalid",
    port: 80,
    agent: sshAgent(new URL(dockerHost)),
  } as const;
  return { docker: new Docker(options), copies };
}

/** The client would look for the address in the environment alone; that may have it from a file. */
function overTcp(address: string): Docker {
  const url = URL.parse(address.includes("//") ? address : `tcp://${address}`);
  if (!url?.hostname) {
    throw new Error("DOCKER_HOST must be unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST");
  }
  const { protocol, hostname, port } = url;
  const { DOCKER_TLS_VERIFY: verify, DOCKER_CERT_PATH: directory } = process.env;
  const isSecure = protocol === "https:" || verify === "1" || port === "2376";
  return new Docker({
    protocol: isSecure ? "https" : "http",
    host: hostname.replace(/^\[|\]$/g, ""),
    ...(port === "" ? {} : { port }),
    ...(directory ? certificates(directory) : {}),
  });
}

/** By the names that Docker's own tools expect. */
function certificates(directory: string) {
  const read = (name: string) => readFileSync(join(directory, name));
  return { ca: read("ca.pem"), cert: read("cert.pem"), key: read("key.pem") };
}
