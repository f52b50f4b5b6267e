-- What time it was believed to be last: what the clock is held against at the next start. [clock-6]
CREATE TABLE belief (id INTEGER PRIMARY KEY CHECK (id = 1), at_us INTEGER NOT NULL);
