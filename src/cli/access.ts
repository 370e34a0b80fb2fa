import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { readConfig } from "../config.ts";
import { AuditLog, openAccess } from "../store/audit.ts";
import { KeyStore } from "../store/keys.ts";
import type { CommandWorld } from "./command.ts";

/** What a command does with the keys and the audit log of the server that is configured; it may be running. */
export function withAccess<Result>(
  environment: CommandWorld["environment"],
  work: (access: { keys: KeyStore; audit: AuditLog }) => Result,
): Result {
  const { data } = readConfig(environment);
  mkdirSync(data, { recursive: true });
  const database = openAccess(join(data, "access.db"));
  try {
    const audit = new AuditLog(database);
    return work({ keys: new KeyStore(database, audit), audit });
  } finally {
    database.close();
  }
}
