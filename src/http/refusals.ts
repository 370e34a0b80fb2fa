import type { AuditEvent, AuditLog } from "../store/audit.ts";

/** Who can be told apart within one interval; the others are counted together. */
const mostCallers = 100;

const interval = 60_000;

interface Count {
  event: AuditEvent;
  who: string;
  what: string;
  count: number;
}

export interface RefusalParts {
  audit: Pick<AuditLog, "add">;
  logger: { warn(more: object, message: string): void };
}

/**
 * Writes refusals to the audit log without letting those who are refused fill it: of each caller and event the first, and after a
 * minute how many more there were.
 */
export class Refusals {
  readonly #parts: RefusalParts;
  readonly #more = new Map<string, Count>();
  readonly #timer: NodeJS.Timeout;

  constructor(parts: RefusalParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.flush(), interval).unref();
  }

  note(event: AuditEvent, who: string, what: string): void {
    const known = this.#more.get(`${event} ${who}`);
    if (known) known.count++;
    else if (this.#more.size >= mostCallers && who !== "others")
      this.note(event, "others", "of many callers");
    else {
      this.#more.set(`${event} ${who}`, { event, who, what, count: 0 });
      this.#write({ event, who, what, count: 1 });
    }
  }

  /** Writes down what came after the first of each, and starts anew. */
  flush(): void {
    for (const count of this.#more.values()) if (count.count > 0) this.#write(count);
    this.#more.clear();
  }

  close(): void {
    clearInterval(this.#timer);
    this.flush();
  }

  #write(count: Count): void {
    try {
      this.#parts.audit.add(count);
    } catch (error) {
      this.#parts.logger.warn({ err: error, ...count }, "a refusal cannot be written to the audit log");
    }
  }
}
