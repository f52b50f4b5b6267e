-- What was decided about ids, in order; the last row of an id holds. hash covers this row's line and those of all rows before it. [standing-4]
CREATE TABLE standing (
    version INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    state INTEGER NOT NULL,
    before_us INTEGER NOT NULL,
    reason TEXT NOT NULL,
    who TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    hash BLOB NOT NULL
);
