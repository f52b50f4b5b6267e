-- Models of remaining life as the fleet server gave them (models.h); slot: where its machines' lives look for it.
CREATE TABLE model (
    slot INTEGER PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, live INTEGER NOT NULL, withdrawn INTEGER NOT NULL,
    row_us INTEGER NOT NULL, horizon REAL NOT NULL, confidence REAL NOT NULL, sha256 TEXT NOT NULL, signature BLOB NOT NULL, bytes BLOB NOT NULL);
-- A machine's life by a model, after the reading that it has learnt from last (lives.h).
CREATE TABLE life (device TEXT NOT NULL, sha256 TEXT NOT NULL, reading INTEGER NOT NULL, state BLOB NOT NULL, PRIMARY KEY (device, sha256)) WITHOUT ROWID;
-- What each model said of a machine on each day (UTC), in rows: so that it can be held against what became of it.
CREATE TABLE life_said (
    day INTEGER NOT NULL, device TEXT NOT NULL, sha256 TEXT NOT NULL, estimate REAL NOT NULL, low REAL NOT NULL, high REAL NOT NULL, risk REAL NOT NULL,
    PRIMARY KEY (day, device, sha256)) WITHOUT ROWID;
