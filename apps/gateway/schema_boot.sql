-- When machines of devices started. known: 1 no later than this, 2 by a clock that may be right, 3 measured by the gateway's, 4 by the device's, which is right.
-- first, last: between these uptimes, in microseconds, times were corrected.
CREATE TABLE boot (
    id INTEGER PRIMARY KEY, device TEXT NOT NULL, name TEXT NOT NULL, known INTEGER NOT NULL, start INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL, UNIQUE (device, name));
-- Of readings whose sender's clock is in doubt: the start of its machine and how long after it they were taken.
ALTER TABLE reading ADD COLUMN boot INTEGER;
ALTER TABLE reading ADD COLUMN uptime INTEGER;
ALTER TABLE reading_b ADD COLUMN boot INTEGER;
ALTER TABLE reading_b ADD COLUMN uptime INTEGER;
