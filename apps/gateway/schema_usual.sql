-- What is usual for a stream (usual.h): the last reading that its copy has learnt from, the last alert it has raised.
CREATE TABLE usual (stream INTEGER PRIMARY KEY, reading INTEGER NOT NULL, alert TEXT NOT NULL, state BLOB NOT NULL);
