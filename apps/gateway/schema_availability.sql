-- How long devices were served, and not, on each day; `mark`: until when that is accounted.
CREATE TABLE availability (day INTEGER PRIMARY KEY, up INTEGER NOT NULL, down INTEGER NOT NULL, mark INTEGER NOT NULL);
