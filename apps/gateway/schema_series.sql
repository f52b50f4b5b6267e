-- Readings that were packed together, or minutes that stand for such stretches. Never numbered twice.
CREATE TABLE stretch (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL,     -- 0 readings, 1 minutes
    state INTEGER NOT NULL,    -- 0 being written, 1 whole, 2 being taken away
    upto INTEGER NOT NULL,     -- the last reading in it; of minutes: the last stretch that they stand for
    streams INTEGER NOT NULL,  -- while it is written: the blocks of all streams up to this one are there
    received INTEGER NOT NULL, -- when its last reading came
    first INTEGER, last INTEGER, -- of the readings' own time
    count INTEGER NOT NULL, bytes INTEGER NOT NULL); -- of its samples, in its blocks
CREATE INDEX stretch_undone ON stretch (state) WHERE state <> 1;
-- id: stretch << 38 | stream << 14 | piece. Appended in this order, so that the block of a stream in a stretch is found
-- without an index, which would scatter the writes.
CREATE TABLE block (id INTEGER PRIMARY KEY, count INTEGER NOT NULL, bytes BLOB NOT NULL);
-- Rows go into one of two tables until they are many, then into the other: deleting all of a table writes hardly anything,
-- deleting some rows writes each of their pages twice.
CREATE TABLE reading_b (
    id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, received INTEGER NOT NULL, at INTEGER NOT NULL,
    value REAL NOT NULL, epoch TEXT, seq INTEGER);
CREATE VIEW reading_row AS SELECT * FROM reading UNION ALL SELECT * FROM reading_b;
-- What is kept, however: one row per reading or block. A packed reading may have its row still, for a while.
CREATE VIEW kept AS
    SELECT stream, 1 AS count FROM reading_row
    WHERE id > (SELECT coalesce(max(upto), 0) FROM stretch WHERE kind = 0 AND state > 0)
        AND NOT EXISTS (SELECT 1 FROM stretch WHERE kind = 0 AND state = 0 AND reading_row.id <= upto AND reading_row.stream <= streams)
    UNION ALL
    SELECT (block.id >> 14) & 16777215, block.count FROM block JOIN stretch ON stretch.id = block.id >> 38
    WHERE kind = 0 AND state < 2;
