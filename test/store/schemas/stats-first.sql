-- What was asked for and by how many. Run at every start, so every statement can be repeated.

-- One row a request. The columns are those of the predecessor, so that its stats.db keeps counting.
-- request_time is an RFC 3339 text; build_duration is milliseconds, null for a cached answer.
CREATE TABLE IF NOT EXISTS Requests (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  uid            INTEGER,
  ip_addr        TEXT NOT NULL,
  os             TEXT NOT NULL,
  web            INTEGER NOT NULL,
  serial         INTEGER,
  hash           TEXT NOT NULL,
  board          TEXT NOT NULL,
  variant        TEXT NOT NULL,
  layers         INTEGER NOT NULL,
  container      TEXT NOT NULL,
  success        INTEGER NOT NULL,
  request_time   INTEGER NOT NULL,
  build_duration INTEGER
);

-- Running totals over the rows of Requests up to and with the one whose id is `counted`.
CREATE TABLE IF NOT EXISTS Totals (
  one        INTEGER PRIMARY KEY CHECK (one = 1),
  counted    INTEGER NOT NULL,
  builds     INTEGER NOT NULL,
  layers     INTEGER NOT NULL,
  duration   INTEGER NOT NULL, -- milliseconds
  hashes     INTEGER NOT NULL, -- rows of SeenHashes
  users      INTEGER NOT NULL  -- rows of SeenUsers
) STRICT;
INSERT INTO Totals VALUES (1, 0, 0, 0, 0, 0, 0) ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS SeenHashes (hash TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS SeenUsers (ip_addr TEXT PRIMARY KEY) WITHOUT ROWID;

-- How often a name was asked for, in four lists.
CREATE TABLE IF NOT EXISTS Counts (
  list  TEXT NOT NULL CHECK (list IN ('os', 'platform', 'keyboard', 'version')),
  name  TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (list, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS CountsByCount ON Counts (list, count DESC, name);
