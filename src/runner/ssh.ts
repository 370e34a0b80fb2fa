import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { Agent } from "node:http";
import { Socket } from "node:net";
import { Duplex } from "node:stream";

/** Of what ssh complains, this much is kept, characters. */
const complaintKept = 1000;
/** Connections kept for the next question, which then need not wait for a new one. */
const idleKept = 4;

/**
 * Connections to a Docker daemon by OpenSSH's own client, as the docker command makes them: with its keys, its agent, its
 * known hosts and its configuration. Unknown hosts are refused, and no question is asked.
 * @param address `ssh://[user@]host[:port]`
 */
export function sshAgent(address: URL): Agent {
  return new SshAgent(sshCommand(address));
}

class SshAgent extends Agent {
  readonly #command: string[];

  constructor(command: string[]) {
    super({ keepAlive: true, maxFreeSockets: idleKept });
    this.#command = command;
  }

  override createConnection(): Duplex {
    return new SshConnection(this.#command);
  }

  /** Kept for the next question, but no reason for the process to go on. */
  override keepSocketAlive(connection: Duplex): boolean {
    if (connection instanceof SshConnection) connection.unref();
    return true;
  }

  override reuseSocket(connection: Duplex): void {
    if (connection instanceof SshConnection) connection.ref();
  }
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

/** The standard input and output of a process: bytes to the daemon, and from it. */
class SshConnection extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  #complaint = "";
  /** Kept for the next question: nobody reads, and so nobody would hear of an end. */
  #idle = false;

  constructor(command: string[]) {
    super();
    this.#child = spawn("ssh", command);
    const { stdin, stdout, stderr } = this.#child;
    stdout.on("data", (chunk) => {
      if (!this.push(chunk)) stdout.pause();
    });
    stderr.setEncoding("utf8").on("data", (text) => {
      this.#complaint = (this.#complaint + text).slice(-complaintKept);
    });
    // Why it ends is known when it has ended, and told then.
    stdin.on("error", () => stdin.destroy());
    this.#child.on("error", (error) => this.destroy(error));
    this.#child.on("close", (status) => this.#end(status));
  }

  ref(): void {
    this.#idle = false;
    this.#child.ref();
    for (const pipe of this.#pipes()) pipe.ref();
  }

  unref(): void {
    this.#idle = true;
    this.#child.unref();
    for (const pipe of this.#pipes()) pipe.unref();
  }

  // What is asked of connections of every kind; ssh sees to it that this one does not go stale.
  setKeepAlive(): this {
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setTimeout(): this {
    return this;
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    // Where it cannot be written the process is about to end: that is when somebody is told.
    this.#child.stdin.write(chunk, () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#child.kill();
    done(error);
  }

  #end(status: number | null): void {
    if (this.#idle) this.destroy();
    else if (status === 0 || this.destroyed) this.push(null);
    else {
      const why = this.#complaint.trim() || `exit status ${status}`;
      this.destroy(Object.assign(new Error(`ssh: ${why}`), { code: "ECONNREFUSED" }));
    }
  }

  #pipes(): Socket[] {
    const { stdin, stdout, stderr } = this.#child;
    return [stdin, stdout, stderr].filter((pipe) => pipe instanceof Socket);
  }
}
