-- The key of the certificate before has signed for the key of this one. [enrol-26]
ALTER TABLE certificate ADD COLUMN proved INTEGER NOT NULL DEFAULT 0;
