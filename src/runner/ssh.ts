import { spawn } from "node:child_process";
import { Agent } from "node:http";
import { Duplex } from "node:stream";

/** Of what ssh complains, this much is kept, characters. */
const complaintKept = 1000;

/**
 * Connections to a Docker daemon by OpenSSH's own client, as the docker command makes them: with its keys, its agent, its
 * known hosts and its configuration. Unknown hosts are refused, and no question is asked.
 * @param address `ssh://[user@]host[:port]`
 */
export function sshAgent(address: URL): Agent {
  const target = sshCommand(address);
  const agent = new Agent({ keepAlive: true });
  agent.createConnection = () => dial(target);
  return agent;
}

/** Pure: what to run for one connection. @throws Error for an address ssh would take for something else */
export function sshCommand({ username, hostname, port, pathname, password }: URL): string[] {
  const host = hostname.replace(/^\[|\]$/g, "");
  if (host === "" || host.startsWith("-") || username.startsWith("-")) {
    throw new Error("DOCKER_HOST=ssh://… must name a host");
  }
  if (password !== "" || (pathname !== "" && pathname !== "/")) {
    throw new Error("DOCKER_HOST=ssh://… takes a user, a host and a port, nothing else");
  }
  return [
    ...["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=20"],
    ...["-o", "ServerAliveInterval=15", "-T"],
    ...(username === "" ? [] : ["-l", decodeURIComponent(username)]),
    ...(port === "" ? [] : ["-p", port]),
    ...["--", host, "docker", "system", "dial-stdio"],
  ];
}

function dial(target: string[]): Duplex {
  const child = spawn("ssh", target, { stdio: ["pipe", "pipe", "pipe"] });
  const connection = Duplex.from({ readable: child.stdout, writable: child.stdin });
  let complaint = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (text: string) => {
    complaint = (complaint + text).slice(-complaintKept);
  });
  child.on("error", (error) => connection.destroy(error));
  child.on("close", (status) => {
    if (connection.destroyed || status === 0) return;
    const error = new Error(`ssh: ${complaint.trim() || `exit status ${status}`}`);
    connection.destroy(Object.assign(error, { code: "ECONNREFUSED" }));
  });
  connection.on("close", () => child.kill());
  return connection;
}
