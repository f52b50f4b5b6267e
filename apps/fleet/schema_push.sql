-- What waits for gateways, until it is too old or too much. [uplink-8]
CREATE TABLE push (
    gateway TEXT NOT NULL,
    id INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    name TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (gateway, id)
) WITHOUT ROWID;
CREATE INDEX push_age ON push (at_us);
-- last: the highest id that was given; gone: the highest that is no longer kept; kept: how many are.
CREATE TABLE push_mark (
    gateway TEXT PRIMARY KEY,
    last INTEGER NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0,
    kept INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;
