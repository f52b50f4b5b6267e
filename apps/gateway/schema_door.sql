-- What the front door keeps: sessions, queued messages, retained messages. Only its broker knows what the bytes mean.
CREATE TABLE mqtt (kind INTEGER NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
-- The numbers seen of every sender, up to and including a reading; one row.
CREATE TABLE checkpoint (id INTEGER PRIMARY KEY, reading INTEGER NOT NULL, senders TEXT NOT NULL);
