-- What a gateway told last of what is wrong with a device, or will be, by a model of classes, as it was told. [uplink-21]
CREATE TABLE failure (device TEXT PRIMARY KEY, at_ms INTEGER NOT NULL, note TEXT NOT NULL);
