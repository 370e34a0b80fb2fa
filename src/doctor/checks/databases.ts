import { dirname } from "node:path";
import type { ExaminedDatabase } from "../../store/examination.ts";
import { type Check, check, fail, ok, skip, warn } from "../check.ts";
import { formatBytes, shellWord, shellWords } from "../text.ts";

/** A log this long is not carried over any more: someone keeps an old snapshot open. */
const longLog = 64 * 2 ** 20;

export const databases: Check[] = [
  check({
    id: "databases.integrity",
    title: "the databases are whole",
    why: "From a damaged database come wrong answers, or none: the server may not start with it.",
    needs: ["databases"],
    judge({ databases: { files } }) {
      if (!files.some(({ exists }) => exists))
        return ok("none yet: the server makes them at its first start");
      const there = files.filter(({ read, error, damage }) => read || error !== null || damage !== null);
      if (there.length === 0) return skip("none could be read");
      const bad = there.filter(({ error, damage }) => error !== null || damage !== null);
      if (bad.length === 0) return ok(there.map(({ path }) => path).join(", "));
      const found = bad.map(({ path, error, damage }) => `${path}: ${error ?? damage}`);
      return fail(found.join("; "), bad.map(repair).join("\n"));
    },
  }),
  check({
    id: "databases.schema",
    title: "the databases are of this program's release, or older",
    why: "An older program does not know what a newer one stored, and could ruin it.",
    needs: ["databases"],
    judge({ databases: { files } }) {
      const newer = files.filter(({ schema, knownSchema }) => schema > knownSchema);
      if (newer.length === 0) return ok("they are");
      return fail(
        newer
          .map(
            ({ path, schema, knownSchema }) =>
              `${path} has schema ${schema}; this program knows ${knownSchema}`,
          )
          .join("; "),
        "run the newer release again, or restore the backup that was made before it: kiisrv restore FILE",
      );
    },
  }),
  check({
    id: "databases.writable",
    title: "the databases can be written",
    why: "The server does not start with a database that it may only read.",
    needs: ["databases", "process"],
    judge({ databases: { files }, process: { uid, gid } }) {
      const bad = files.flatMap(({ unwritable }) => unwritable);
      if (bad.length === 0) return ok("they can");
      return fail(
        `not writable for uid ${uid}: ${bad.join(", ")}`,
        `sudo chown ${uid}:${gid} ${shellWords(bad)} && sudo chmod u+rw ${shellWords(bad)}`,
      );
    },
  }),
  check({
    id: "databases.log",
    title: "the databases' logs are short",
    why: "A write-ahead log that only grows takes the disk, and slows every read.",
    needs: ["databases"],
    judge({ databases: { files } }) {
      const long = files.filter(({ walBytes }) => walBytes > longLog);
      if (long.length === 0)
        return ok(`${formatBytes(files.reduce((sum, { walBytes }) => sum + walBytes, 0))} in all`);
      return warn(
        long.map(({ path, walBytes }) => `${path}-wal: ${formatBytes(walBytes)}`).join("; "),
        long.map(({ path }) => `sqlite3 ${shellWord(path)} 'PRAGMA wal_checkpoint(TRUNCATE)'`).join("\n"),
      );
    },
  }),
  check({
    id: "databases.owner",
    title: "one server uses the data",
    why: "A second server cannot start on data that another holds; and one that holds it but does not answer serves nobody.",
    needs: ["databases", "port", "configuration"],
    judge({ databases: { held, files }, port: { state }, configuration: { settings } }) {
      const directory = dirname(files[0]?.path ?? "");
      if (!held) return ok("no server holds it");
      if (state === "kiisrv") return ok("the server that answers holds it");
      return warn(
        `a process holds ${directory}/lock.db, and no kiisrv answers on port ${settings.port}`,
        `fuser -v ${shellWord(`${directory}/lock.db`)} shows which: stop it, or set KIISRV_HOST and KIISRV_PORT as it has them`,
      );
    },
  }),
  check({
    id: "databases.versions",
    title: "there are versions to build",
    why: "Without a row in its table no version is offered: /versions is {}.",
    needs: ["databases"],
    judge({ databases: { versions, files } }) {
      const config = files.find(({ path }) => path.endsWith("config.db"));
      if (config?.read !== true) return skip("there is no table yet, or it was not read");
      if (versions.length > 0) return ok(versions.map(({ name }) => name).join(", "));
      return fail(
        `${config.path} has no version with a container`,
        `mv ${shellWord(config.path)} ${shellWord(`${config.path}.empty`)}, then start the server anew: the defaults come back`,
      );
    },
  }),
];

/** Only what is damaged may be moved away: what cannot be read for now may be whole. */
function repair({ path, error, damage }: ExaminedDatabase): string {
  if (damage === null && error?.includes("SQLITE_BUSY")) {
    return `stop the program that holds it, and is no kiisrv: fuser -v ${shellWord(path)}`;
  }
  if (damage === null && !/SQLITE_(NOTADB|CORRUPT)/.test(error ?? "")) {
    return `ls -l ${shellWord(path)}; sudo dmesg | tail: the disk, or who may read it`;
  }
  const besides = shellWords([`${path}-wal`, `${path}-shm`]);
  return (
    "stop the server, and restore a backup: kiisrv restore FILE; without one it begins anew:\n" +
    `mv ${shellWord(path)} ${shellWord(`${path}.damaged`)}; rm -f ${besides}`
  );
}
