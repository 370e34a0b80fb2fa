-- The table of the predecessor's config.db.
CREATE TABLE Versions (name TEXT PRIMARY KEY, channel TEXT, container TEXT, git_tag TEXT);
INSERT INTO Versions VALUES ('mine', 'beta', 'controller-mine', 'v9');
