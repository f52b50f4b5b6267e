CREATE TABLE meta (epoch TEXT NOT NULL);
INSERT INTO meta VALUES (lower(hex(randomblob(16))));
CREATE TABLE stream (id INTEGER PRIMARY KEY, device TEXT NOT NULL, sensor TEXT NOT NULL, UNIQUE (device, sensor));
-- Appended in order of arrival: a key of any other kind would scatter the writes.
CREATE TABLE reading (
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, received INTEGER NOT NULL, at INTEGER NOT NULL,
    value REAL NOT NULL, epoch TEXT, seq INTEGER);
CREATE TABLE alert (
    device TEXT NOT NULL, sensor TEXT NOT NULL, type INTEGER NOT NULL, id TEXT NOT NULL, sent INTEGER NOT NULL,
    severity INTEGER NOT NULL, message TEXT NOT NULL, value REAL,
    PRIMARY KEY (device, sensor, type));
CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, average INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE alert_post (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, reason TEXT NOT NULL, topic TEXT NOT NULL, why TEXT NOT NULL);
