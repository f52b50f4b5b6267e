-- Models of remaining life, version by version, and where they run (version 0: none). [model-40]
CREATE TABLE model (
    name TEXT NOT NULL, version INTEGER NOT NULL, at_ms INTEGER NOT NULL, user TEXT NOT NULL, sha256 TEXT NOT NULL,
    row_s INTEGER NOT NULL, horizon_s INTEGER NOT NULL, confidence REAL NOT NULL, card TEXT NOT NULL, signature BLOB NOT NULL, bytes BLOB NOT NULL,
    PRIMARY KEY (name, version));
CREATE TABLE model_place (
    site TEXT NOT NULL, name TEXT NOT NULL, live INTEGER NOT NULL, shadow INTEGER NOT NULL, before INTEGER NOT NULL, at_ms INTEGER NOT NULL, user TEXT NOT NULL,
    PRIMARY KEY (site, name));
-- What a gateway told last of a device's remaining life, as it was told. [uplink-21]
CREATE TABLE life (device TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, note TEXT NOT NULL);
