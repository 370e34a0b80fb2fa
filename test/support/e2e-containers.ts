import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import Docker from "dockerode";
import { onTestFinished } from "vitest";

/** What happened to a build's container, as the daemon tells it. */
export interface ContainerEvent {
  action: "create" | "start" | "die" | "destroy";
  container: string;
  /** The build's id; also the name of its directories. */
  build: string;
  instance: string;
}

interface Message {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
}

/** The life of all builds' containers on a daemon, from when this was opened. */
export class ContainerWatch {
  readonly events: ContainerEvent[] = [];
  readonly #docker: Docker;
  readonly #marks = new Set<string>();
  #changed = Promise.withResolvers<void>();

  private constructor(docker: Docker, stream: Readable) {
    this.#docker = docker;
    createInterface({ input: stream })
      .on("line", (line) => this.#take(JSON.parse(line) as Message))
      // A daemon that stops takes its events with it; who still waits for one runs into the test's time limit.
      .on("error", () => stream.destroy());
  }

  /** Watches until the test ends. */
  static async open(docker: Docker = new Docker()): Promise<ContainerWatch> {
    const stream = await docker.getEvents({ filters: { type: ["container", "volume"] } });
    if (!(stream instanceof Readable)) throw new Error("the daemon's events are no stream");
    const watch = new ContainerWatch(docker, stream);
    onTestFinished(() => {
      stream.destroy();
    });
    return watch;
  }

  /** Waits until `find` finds something in what has happened so far; the test's own time limit bounds it. */
  async until<T>(find: (events: readonly ContainerEvent[]) => T | undefined): Promise<T> {
    for (;;) {
      const changed = this.#changed.promise;
      const found = find(this.events);
      if (found !== undefined) return found;
      await changed;
    }
  }

  /** The next event of this kind of one server's containers, after the first `from` of all events. */
  next(instance: string, action: ContainerEvent["action"], from = 0): Promise<ContainerEvent> {
    return this.until((events) =>
      events.slice(from).find((event) => event.instance === instance && event.action === action),
    );
  }

  /** Everything that happened to a server's containers up to now; waits for what is still on its way. */
  async of(instance: string): Promise<ContainerEvent[]> {
    await this.#catchUp();
    return this.events.filter((event) => event.instance === instance);
  }

  /** The containers a server has made up to now. */
  async made(instance: string): Promise<string[]> {
    const events = await this.of(instance);
    return events.filter(({ action }) => action === "create").map(({ container }) => container);
  }

  /** Events come in order: once that of a volume made now is here, all before it are. */
  async #catchUp(): Promise<void> {
    const mark = `kiisrv-e2e-${randomUUID()}`;
    await this.#docker.createVolume({ Name: mark });
    await this.until(() => this.#marks.has(mark) || undefined);
    await this.#docker.getVolume(mark).remove();
  }

  #take({ Type, Action, Actor }: Message): void {
    const { "kiisrv.build": build, "kiisrv.instance": instance, name = "" } = Actor.Attributes;
    if (Type === "volume" && Action === "create") this.#marks.add(Actor.ID);
    else if (build === undefined || instance === undefined || !isAction(Action)) return;
    // Builds nothing: it clears up after an image of the field, where the server is not root.
    else if (name.endsWith("-handover")) return;
    else this.events.push({ action: Action, container: Actor.ID, build, instance });
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}

function isAction(action: string): action is ContainerEvent["action"] {
  return ["create", "start", "die", "destroy"].includes(action);
}

/** The most containers that were there at once. */
export function mostAtOnce(events: readonly ContainerEvent[]): number {
  const there = new Set<string>();
  let most = 0;
  for (const { action, container } of events) {
    if (action === "create") there.add(container);
    if (action === "destroy") there.delete(container);
    most = Math.max(most, there.size);
  }
  return most;
}

/** The names of a server's containers, running or not. */
export async function containersOf(instance: string, docker = new Docker()): Promise<string[]> {
  const filters = { label: [`kiisrv.instance=${instance}`] };
  const containers = await docker.listContainers({ all: true, filters });
  return containers.flatMap(({ Names }) => Names);
}

/** Removes a server's containers, whatever they are doing. */
export async function removeContainersOf(instance: string, docker = new Docker()): Promise<void> {
  for (const name of await containersOf(instance, docker)) {
    await docker.getContainer(name.slice(1)).remove({ force: true, v: true });
  }
}
