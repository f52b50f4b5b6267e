-- What time it was believed to be last, and for how long the clock had been doubted then: what a start is held against. [clock-3]
CREATE TABLE belief (id INTEGER PRIMARY KEY CHECK (id = 1), at_us INTEGER NOT NULL, doubted_us INTEGER NOT NULL);
