import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { giveTo, ownerOf } from "../backup/ownership.ts";
import { readConfig } from "../config.ts";
import { AuditLog, openAccess } from "../store/audit.ts";
import { KeyStore } from "../store/keys.ts";
import { isHeld } from "../store/lock.ts";
import type { CommandWorld } from "./command.ts";

export interface Access {
  keys: KeyStore;
  audit: AuditLog;
}

/** What a command does with the keys and the audit log of the server that is configured; it may be running. */
export async function withAccess<Result>(
  environment: CommandWorld["environment"],
  work: (access: Access) => Result,
): Promise<Result> {
  const { data } = readConfig(environment);
  await makeFor(data);
  return inDatabase(data, work);
}

/** Likewise, of a command that only reads. @returns undefined where there is nothing yet; nothing is made */
export function readAccess<Result>(
  environment: CommandWorld["environment"],
  work: (access: Access) => Result,
): Result | undefined {
  const { data } = readConfig(environment);
  return existsSync(fileIn(data)) ? inDatabase(data, work) : undefined;
}

/** Root may be the first to come: what it makes is the server's, and that is another user, as a rule. */
async function makeFor(data: string): Promise<void> {
  const made = await mkdir(resolve(data), { recursive: true });
  if (made !== undefined) await giveTo(await ownerOf(dirname(made)), made);
  if (existsSync(fileIn(data))) return;
  openAccess(fileIn(data)).close();
  // SQLite gives the files beside it, which root makes, to the database's owner.
  await giveTo(await ownerOf(data), fileIn(data));
}

function inDatabase<Result>(data: string, work: (access: Access) => Result): Result {
  const database = openAccess(fileIn(data), { inUse: isHeld(data) });
  try {
    const audit = new AuditLog(database);
    return work({ keys: new KeyStore(database, audit), audit });
  } finally {
    database.close();
  }
}

function fileIn(data: string): string {
  return join(data, "access.db");
}
