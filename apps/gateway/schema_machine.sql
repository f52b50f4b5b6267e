-- What is usual for a device's sensors together (machine_health.h): the last reading that the copy has learnt from.
CREATE TABLE machine (device TEXT PRIMARY KEY, reading INTEGER NOT NULL, state BLOB NOT NULL) WITHOUT ROWID;
