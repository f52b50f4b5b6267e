-- What was expected of a stream, told when it has changed, and how unusual a minute was (0: not worth telling). low NULL: the band is as it was.
CREATE TABLE expected (
    stream INTEGER NOT NULL, at_ms INTEGER NOT NULL, score INTEGER NOT NULL, low REAL, high REAL,
    PRIMARY KEY (stream, at_ms)) WITHOUT ROWID;
ALTER TABLE alert ADD COLUMN score REAL;
ALTER TABLE alert ADD COLUMN expected_low REAL;
ALTER TABLE alert ADD COLUMN expected_high REAL;
-- Who has said, and when, that what it is about was normal.
ALTER TABLE alert ADD COLUMN normal_ms INTEGER;
ALTER TABLE alert ADD COLUMN normal_by TEXT;
