-- Devices belong to the site whose gateway named them first. [uplink-4]
CREATE TABLE device (
    id TEXT PRIMARY KEY,
    site TEXT NOT NULL,
    type TEXT,
    online INTEGER NOT NULL DEFAULT 0,
    since_us INTEGER NOT NULL DEFAULT 0,
    last_seen_us INTEGER NOT NULL DEFAULT 0,
    report TEXT
) WITHOUT ROWID;

CREATE TABLE stream (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    sensor TEXT NOT NULL,
    unit TEXT NOT NULL,
    UNIQUE (device, sensor)
);

-- kind 0: a significant average; kind 1: a minute's summary, whose value is the mean.
CREATE TABLE point (
    stream INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    value REAL NOT NULL,
    min REAL NOT NULL,
    max REAL NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (stream, kind, at_ms)
) WITHOUT ROWID;

-- The highest committed number of each sender and epoch. [uplink-1]
CREATE TABLE watermark (
    gateway TEXT NOT NULL,
    epoch TEXT NOT NULL,
    seq INTEGER NOT NULL,
    used_us INTEGER NOT NULL,
    PRIMARY KEY (gateway, epoch)
) WITHOUT ROWID;

-- state 0: open; 1: acknowledged; 2: cleared.
CREATE TABLE alert (
    id TEXT PRIMARY KEY,
    device TEXT NOT NULL,
    site TEXT NOT NULL,
    sensor TEXT NOT NULL,
    type TEXT NOT NULL,
    severity TEXT NOT NULL,
    message TEXT NOT NULL,
    value REAL,
    raw REAL,
    unit TEXT,
    state INTEGER NOT NULL,
    raised_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    cleared_ms INTEGER,
    acknowledged_ms INTEGER,
    acknowledged_by TEXT
) WITHOUT ROWID;
CREATE INDEX alert_newest ON alert (raised_ms, id);
CREATE INDEX alert_active ON alert (raised_ms, id) WHERE state < 2;
CREATE UNIQUE INDEX alert_single ON alert (site, device, sensor, type) WHERE state < 2;

-- Secrets are kept as SHA-256 only.
CREATE TABLE login_link (
    hash TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    role INTEGER NOT NULL,
    expires_us INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE session (
    hash TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    role INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    used_us INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE api_token (
    hash TEXT PRIMARY KEY,
    user TEXT NOT NULL UNIQUE,
    role INTEGER NOT NULL
) WITHOUT ROWID;
