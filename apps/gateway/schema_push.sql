-- The id of the fleet server's last event that had its effect; one row.
CREATE TABLE push (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL);
