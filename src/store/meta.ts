import { randomBytes, randomUUID } from "node:crypto";
import type { Database } from "./database.ts";
import { stored } from "./faults.ts";

/** What tells this installation from any other; made once, kept for good. */
export interface Installation {
  /** Labels the containers of this installation, so that it only ever clears up its own. */
  instance: string;
  /** Key for the hashes of client addresses. */
  secret: Buffer;
}

/** Reads the installation's identity from the builds database; on the first call, makes it. */
export function installation(database: Database): Installation {
  const insert = database.prepare("INSERT INTO Meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING");
  const select = database.prepare<[string], string>("SELECT value FROM Meta WHERE name = ?").pluck();
  const keep = (name: string, fresh: string): string => {
    insert.run(name, fresh);
    return select.get(name) ?? fresh;
  };
  return stored(
    database.transaction(() => ({
      instance: keep("instance", randomUUID()),
      secret: Buffer.from(keep("secret", randomBytes(32).toString("hex")), "hex"),
    })),
  );
}
