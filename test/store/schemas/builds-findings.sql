-- Builds and the identity of this installation. Run at every start, so every statement can be repeated.

-- Facts about the installation itself: `instance` labels its containers, `secret` keys its hashes of client addresses.
CREATE TABLE IF NOT EXISTS Meta (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a build. Times are milliseconds since 1970 (UTC).
CREATE TABLE IF NOT EXISTS Builds (
  number       INTEGER PRIMARY KEY AUTOINCREMENT, -- order of arrival
  id           TEXT NOT NULL UNIQUE CHECK (id <> '' AND id NOT GLOB '*[^a-z0-9-]*'),
  key          TEXT NOT NULL CHECK (length(key) = 64 AND key NOT GLOB '*[^0-9a-f]*'),
  status       TEXT NOT NULL CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'timed-out',
                                               'limit-exceeded', 'cancelled', 'faulted')),
  board        TEXT NOT NULL,
  layout       TEXT NOT NULL,
  version      TEXT NOT NULL, -- as asked for, e.g. latest
  container    TEXT NOT NULL, -- e.g. controller-057
  image        TEXT NOT NULL, -- content id of the toolchain image, sha256:…
  client       TEXT NOT NULL, -- who asked, as a keyed hash
  attempts     INTEGER NOT NULL DEFAULT 0,
  created      INTEGER NOT NULL,
  started      INTEGER,
  finished     INTEGER,
  milliseconds INTEGER,       -- wall time of the run
  artifact     TEXT,          -- file name of the zip, null when there is none (any more)
  bytes        INTEGER,
  sha256       TEXT,
  reason       TEXT NOT NULL DEFAULT '',
  log          TEXT NOT NULL DEFAULT '', -- tail of the run's log
  spec         TEXT CHECK (spec IS NULL OR json_valid(spec)), -- kept while the build may have to run again
  origins      TEXT CHECK (origins IS NULL OR json_valid(origins)), -- of the lines of the spec's KLL files; kept as long
  errors       TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(errors)), -- what is wrong with the layout, [{path, message}]
  size         TEXT CHECK (size IS NULL OR json_valid(size)), -- of the firmwares, by file name; null when unknown
  CHECK (spec IS NOT NULL OR status NOT IN ('queued', 'running'))
) STRICT;

CREATE INDEX IF NOT EXISTS BuildsCached ON Builds (key, number)
  WHERE status IN ('succeeded', 'failed') AND artifact IS NOT NULL;
CREATE INDEX IF NOT EXISTS BuildsOpen ON Builds (number) WHERE status IN ('queued', 'running');
CREATE INDEX IF NOT EXISTS BuildsArtifact ON Builds (artifact) WHERE artifact IS NOT NULL;
