-- The last lines of that log as they were taken, and the head that is signed for them: for a fleet server that has lost them. [standing-13]
CREATE TABLE standing_line (version INTEGER PRIMARY KEY, line TEXT NOT NULL);
CREATE TABLE standing_signed (id INTEGER PRIMARY KEY CHECK (id = 1), version INTEGER NOT NULL, at INTEGER NOT NULL, signature BLOB NOT NULL);
