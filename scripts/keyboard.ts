import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

/** What the keyboard answered to one command: the lines it printed, and its complaint if it refused. */
export interface Answer {
  events: string[];
  error: string | null;
}

interface Waiter {
  events: string[];
  settle: (answer: Answer | Error) => void;
}

export interface BootOptions {
  /** The emulator's image; UART0 of the board is its standard input and output. */
  image?: string;
  /** How long the boot, and each command, may take. Milliseconds. */
  timeout?: number;
  /** Ends the keyboard when it is aborted. */
  signal?: AbortSignal;
}

/**
 * Boots the demo keyboard's ELF in the emulator and waits until it is ready.
 * `elf` is a path the Docker daemon can see. Throws if it does not boot; nothing is left running then.
 */
export async function bootKeyboard(elf: string, options: BootOptions = {}): Promise<Keyboard> {
  const { image = "kiisrv-emulator", timeout = 30_000, signal } = options;
  const container = `kiisrv-keyboard-${randomUUID()}`;
  const mount = `type=bind,source=${resolve(elf)},target=/firmware.elf,readonly`;
  const sandbox = ["--network", "none", "--read-only", "--cap-drop", "ALL", "--memory", "512m"];
  const args = ["run", "--interactive", "--rm", "--name", container, ...sandbox, "--mount", mount, image];
  // In a process group of its own: ^C is for us, who end it.
  const keyboard = new Keyboard(container, spawn("docker", args, { detached: true }), timeout);
  const end = () => keyboard.stop().catch((error: unknown) => console.error(String(error)));
  signal?.addEventListener("abort", end, { once: true });
  try {
    signal?.throwIfAborted();
    await keyboard.ready;
  } catch (error) {
    await keyboard.stop();
    throw error;
  }
  return keyboard;
}

/** A running keyboard. Every command resolves or rejects within the timeout; none waits for ever. */
export class Keyboard {
  /** Everything it has printed so far, line by line. */
  readonly lines: string[] = [];
  /** What it says of itself at boot, e.g. `info name "Demo" layout "Standard" keys 61 layers 3`. */
  readonly ready: Promise<Answer>;

  readonly #container: string;
  readonly #emulator: ChildProcessWithoutNullStreams;
  readonly #timeout: number;
  readonly #waiting: Waiter[] = [];
  readonly #ended: Promise<void>;
  #complaints = "";
  #gone: Error | null = null;
  #running = true;

  constructor(container: string, emulator: ChildProcessWithoutNullStreams, timeout: number) {
    this.#container = container;
    this.#emulator = emulator;
    this.#timeout = timeout;
    createInterface({ input: emulator.stdout }).on("line", (line) => this.#read(line));
    emulator.stderr.on("data", (text) => {
      this.#complaints = `${this.#complaints}${text}`.slice(-2000);
    });
    // A write to a keyboard that has just ended fails here; its waiter hears of it from `close`.
    emulator.stdin.on("error", (error) => this.#fail(error));
    this.#ended = new Promise((settled) => {
      const end = (reason: string) => {
        this.#running = false;
        this.#fail(new Error(reason));
        settled();
      };
      emulator.on("error", (error) => end(`docker cannot be run: ${error.message}`));
      emulator.on("close", (code) => {
        end(`the emulator ended (exit status ${code}): ${this.#complaints.trim()}`);
      });
    });
    this.ready = this.#answer("boot");
  }

  /** Presses the key with this scan code. Resolves to what that caused, e.g. `press U 0x04 A`; rejects if refused. */
  press(code: number): Promise<string[]> {
    return this.#move("+", code);
  }

  /** As `press`, for letting go. */
  release(code: number): Promise<string[]> {
    return this.#move("-", code);
  }

  /** Presses and releases a key. */
  async tap(code: number): Promise<string[]> {
    return (await Promise.all([this.press(code), this.release(code)])).flat();
  }

  /** Sends a command as it is and resolves to the answer, a refusal included. */
  send(command: string): Promise<Answer> {
    const answer = this.#answer(command);
    if (this.#gone === null) this.#emulator.stdin.write(`${command}\n`);
    return answer;
  }

  /** Ends the emulator and waits until it is gone. May be called twice. */
  async stop(): Promise<void> {
    const late = Date.now() + this.#timeout;
    // At least once: the docker command may be gone, and its container not. And more often, for one that was still being made
    // could not be removed yet.
    do {
      await removeContainer(this.#container);
      await Promise.race([this.#ended, pause(500)]);
      if (Date.now() > late) this.#emulator.kill("SIGKILL");
    } while (this.#running);
  }

  async #move(sign: "+" | "-", code: number): Promise<string[]> {
    const command = `${sign}0x${code.toString(16).toUpperCase().padStart(2, "0")}`;
    const { events, error } = await this.send(command);
    if (error !== null) throw new Error(`${command}: ${error}`);
    return events;
  }

  #answer(command: string): Promise<Answer> {
    return new Promise((resolved, reject) => {
      const timer = setTimeout(
        () => this.#fail(new Error(`no answer to ${command} within ${this.#timeout} ms`)),
        this.#timeout,
      );
      const settle = (answer: Answer | Error) => {
        clearTimeout(timer);
        if (answer instanceof Error) reject(answer);
        else resolved(answer);
      };
      if (this.#gone === null) this.#waiting.push({ events: [], settle });
      else settle(this.#gone);
    });
  }

  #read(line: string): void {
    this.lines.push(line);
    if (line.startsWith("fault:")) this.#fail(new Error(line));
    const [waiter] = this.#waiting;
    if (waiter === undefined) return;
    const refusal = /^error: (.*)$/.exec(line)?.[1];
    if (line !== "ok" && refusal === undefined) {
      waiter.events.push(line);
      return;
    }
    this.#waiting.shift();
    waiter.settle({ events: waiter.events, error: refusal ?? null });
  }

  /** From here on nothing can be trusted to answer: who waits is told, who asks later too. */
  #fail(reason: Error): void {
    this.#waiting.splice(0).forEach(({ settle }) => {
      settle(this.#gone ?? reason);
    });
    this.#gone ??= reason;
  }
}

/** Removes a container by force; one that is gone already is as good. */
async function removeContainer(name: string): Promise<void> {
  try {
    await promisify(execFile)("docker", ["rm", "--force", name], { timeout: 30_000 });
  } catch (error) {
    if (!/no such container|already in progress/i.test(String(error))) throw error;
  }
}
