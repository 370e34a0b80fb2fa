-- What firmware is on offer. Run at every start; rows that are there already stay as their operator left them.

CREATE TABLE IF NOT EXISTS Versions (
  name      TEXT PRIMARY KEY,
  channel   TEXT,
  container TEXT, -- the image is kiisrv- + container
  git_tag   TEXT,
  family    TEXT NOT NULL DEFAULT 'kiibohd',
  dialect   TEXT NOT NULL DEFAULT 'current' CHECK (dialect IN ('current', 'legacy'))
);

INSERT INTO Versions (name, channel, container, git_tag, family, dialect) VALUES
  ('demo',    'demo',   'controller-demo', 'demo',   'demo',    'current'),
  ('latest',  'stable', 'controller-057',  'v0.5.7', 'kiibohd', 'current'),
  ('lts',     'lts',    'controller-050',  'v0.5.0', 'kiibohd', 'current'),
  ('nightly', 'beta',   'controller-057',  'v0.5.7', 'kiibohd', 'current'),
  ('v0.5.0',  'stable', 'controller-050',  'v0.5.0', 'kiibohd', 'current'),
  ('v0.5.4',  'beta',   'controller-054',  'v0.5.4', 'kiibohd', 'current'),
  ('v0.5.5',  'beta',   'controller-055',  'v0.5.5', 'kiibohd', 'current'),
  ('v0.5.6',  'beta',   'controller-056',  'v0.5.6', 'kiibohd', 'current'),
  ('v0.5.7',  'beta',   'controller-057',  'v0.5.7', 'kiibohd', 'current')
ON CONFLICT DO NOTHING;

-- Facts of each release: commits up to the tag, the tag's commit, and that commit's author date (git's %ai).
CREATE TABLE IF NOT EXISTS Releases (
  git_tag TEXT PRIMARY KEY,
  commits INTEGER NOT NULL,
  hash    TEXT NOT NULL,
  date    TEXT NOT NULL,
  notes   TEXT NOT NULL
);

INSERT INTO Releases (git_tag, commits, hash, date, notes) VALUES
  ('v0.5.0', 1091, 'f8dc60dec658ff3709200c307d1da0f2e5ce19c2', '2018-12-03 09:53:35 -0800',
   'https://github.com/kiibohd/controller/releases/tag/v0.5.0'),
  ('v0.5.4', 1119, '874852ad6d1938318627d5a0a09cce8ab111e9ca', '2019-02-03 17:05:44 -0800',
   'https://github.com/kiibohd/controller/releases/tag/v0.5.4'),
  ('v0.5.5', 1150, 'bdfd636b54862d44ad3f6ef0c7f34368b2353349', '2019-03-21 23:04:59 -0700',
   'https://github.com/kiibohd/controller/releases/tag/v0.5.5'),
  ('v0.5.6', 1163, '5a85aae5464b407b51117feb62c930efa3cc2622', '2019-04-03 22:58:34 -0700',
   'https://github.com/kiibohd/controller/releases/tag/v0.5.6'),
  ('v0.5.7', 1222, 'e1a1d816199bf54f42432f6d9097171a1614b6a0', '2020-03-20 20:13:21 -0700',
   'https://github.com/kiibohd/controller/releases/tag/v0.5.7')
ON CONFLICT DO NOTHING;
