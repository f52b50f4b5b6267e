-- The fleet server's log of who still counts, as far as it was followed; what of it is known, one row.
CREATE TABLE standing (id TEXT PRIMARY KEY COLLATE NOCASE, state INTEGER NOT NULL, before INTEGER NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE standing_head (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, hash BLOB NOT NULL, at INTEGER NOT NULL);
-- Who was let in, in order; whom this gateway has quarantined by itself.
CREATE TABLE met (n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
INSERT INTO met (id) SELECT DISTINCT device FROM stream;
CREATE TABLE held (id TEXT PRIMARY KEY, at INTEGER NOT NULL, places TEXT NOT NULL, reported INTEGER NOT NULL);
-- What quarantined devices measured: readable, in no stream, bounded by rows and bytes (aside.h); how much had to go.
CREATE TABLE aside (n INTEGER PRIMARY KEY, device TEXT NOT NULL, sensor TEXT NOT NULL, at INTEGER NOT NULL, payload TEXT NOT NULL);
CREATE INDEX aside_of ON aside (device, n);
CREATE TABLE aside_dropped (device TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
