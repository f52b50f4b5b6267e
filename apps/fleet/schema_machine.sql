-- What a gateway told last of a device's sensors together, as it was told. [uplink-20]
CREATE TABLE machine (device TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, note TEXT NOT NULL);
