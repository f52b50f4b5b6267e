-- How the health of a device's sensors together was: the lowest that was told within the five minutes from at_ms on. [detect-68]
CREATE TABLE machine_past (device TEXT NOT NULL, at_ms INTEGER NOT NULL, health INTEGER NOT NULL, PRIMARY KEY (device, at_ms)) WITHOUT ROWID;
