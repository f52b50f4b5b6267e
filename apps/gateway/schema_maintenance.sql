-- What is being worked on, as the fleet server said; device '': all of the site. ends: by the clock of how long this gateway has run. [maintenance-3]
CREATE TABLE maintenance (device TEXT PRIMARY KEY, since INTEGER NOT NULL, until INTEGER NOT NULL, user TEXT NOT NULL, why TEXT NOT NULL, ends INTEGER NOT NULL) WITHOUT ROWID;
-- That clock, µs; one row.
CREATE TABLE maintenance_ran (id INTEGER PRIMARY KEY CHECK (id = 1), ran INTEGER NOT NULL);
