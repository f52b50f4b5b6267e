-- For how long the clock had been doubted then: a start does not begin that anew. [clock-3]
ALTER TABLE belief ADD COLUMN doubted_us INTEGER NOT NULL DEFAULT 0;
