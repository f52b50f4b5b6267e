-- What the fleet server told of groups that rules name. revision: up to which number.
CREATE TABLE members (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL);
CREATE TABLE member_group (name TEXT PRIMARY KEY, place INTEGER NOT NULL, known INTEGER NOT NULL) WITHOUT ROWID;
-- names: with blanks between, at least one.
CREATE TABLE member (device TEXT PRIMARY KEY, names TEXT NOT NULL) WITHOUT ROWID;
