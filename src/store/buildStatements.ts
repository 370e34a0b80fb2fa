import type { Columns, StoredArtifact } from "./buildRows.ts";
import type { Database } from "./database.ts";

/** A build that was under way this often when the server died is not tried again. */
export const maxAttempts = 3;

const fields = `id, key, status, board, layout, version, container, image, client, attempts, created, started, finished,
  milliseconds, artifact, bytes, sha256, reason, errors, size`;
/** As the index BuildsSpent has it, which is used for such a condition alone. */
const isSpent = "artifact IS NULL AND finished IS NOT NULL";
const isOpen = "status IN ('queued', 'running')";

/** The statements on the table `Builds`. A row is open until it has an outcome. */
export function prepareBuilds(database: Database) {
  return {
    create: database.prepare(`
      INSERT INTO Builds (id, key, status, board, layout, version, container, image, client, created, spec, origins)
      VALUES (@id, @key, 'queued', @board, @layout, @version, @container, @image, @client, @created, @spec,
        @origins)`),
    start: database.prepare(`
      UPDATE Builds SET status = 'running', started = @now, attempts = attempts + 1
      WHERE id = @id AND status = 'queued'`),
    finish: database.prepare(`
      UPDATE Builds SET status = @status, finished = @now, milliseconds = @milliseconds, artifact = @artifact,
        bytes = @bytes, sha256 = @sha256, reason = @reason, errors = @errors, size = @size, log = @log,
        spec = NULL, origins = NULL
      WHERE id = @id AND ${isOpen}`),
    stop: database.prepare<[{ id: string }], { status: "queued" }>(`
      UPDATE Builds SET status = 'queued', started = NULL, attempts = attempts - (status = 'running')
      WHERE id = @id AND ${isOpen} RETURNING status`),
    recover: database.prepare<[{ id: string; now: number }], { status: "queued" | "faulted" }>(`
      UPDATE Builds SET
        status   = iif(attempts < ${maxAttempts}, 'queued', 'faulted'),
        started  = iif(attempts < ${maxAttempts}, NULL, started),
        finished = iif(attempts < ${maxAttempts}, NULL, @now),
        spec     = iif(attempts < ${maxAttempts}, spec, NULL),
        origins  = iif(attempts < ${maxAttempts}, origins, NULL),
        reason   = iif(attempts < ${maxAttempts}, '', 'broken off ${maxAttempts} times: the server or its Docker daemon stopped while this was built')
      WHERE id = @id AND ${isOpen} RETURNING status`),
    interrupted: database.prepare<[], Columns>(
      `SELECT ${fields} FROM Builds WHERE ${isOpen} ORDER BY number`,
    ),
    work: database.prepare<[string], { spec: string; origins: string | null }>(
      `SELECT spec, origins FROM Builds WHERE id = ? AND ${isOpen}`,
    ),
    cached: database.prepare<[string], Columns>(`
      SELECT ${fields} FROM Builds
      WHERE key = ? AND status IN ('succeeded', 'failed') AND artifact IS NOT NULL
      ORDER BY number DESC LIMIT 1`),
    find: database.prepare<[string], Columns & { log: string }>(
      `SELECT ${fields}, log FROM Builds WHERE id = ?`,
    ),
    recent: database.prepare<[number], Columns>(`SELECT ${fields} FROM Builds ORDER BY number DESC LIMIT ?`),
    artifact: database.prepare<[string], StoredArtifact>(
      "SELECT artifact AS name, bytes, sha256 FROM Builds WHERE artifact = ? ORDER BY number DESC LIMIT 1",
    ),
    forget: database.prepare<[string]>(
      "UPDATE Builds SET artifact = NULL, bytes = NULL, sha256 = NULL WHERE artifact = ?",
    ),
    use: database.prepare<[{ artifact: string; now: number }]>(
      "UPDATE Builds SET used = @now WHERE artifact = @artifact",
    ),
    uses: database
      .prepare<[], [string, number | null]>(
        "SELECT artifact, max(used) FROM Builds WHERE artifact IS NOT NULL GROUP BY artifact",
      )
      .raw(),
    spent: database.prepare<[], number>(`SELECT count(*) FROM Builds WHERE ${isSpent}`).pluck(),
    spentBefore: database
      .prepare<[number], number>(`SELECT count(*) FROM Builds WHERE ${isSpent} AND finished < ?`)
      .pluck(),
    deleteSpent: database.prepare<[number]>(`
      DELETE FROM Builds WHERE number IN (
        SELECT number FROM Builds WHERE ${isSpent} ORDER BY finished LIMIT ?)`),
  };
}
