-- 1: not at the time that the device said, but where its gateway put it. [reading-9]
ALTER TABLE point ADD COLUMN corrected INTEGER NOT NULL DEFAULT 0;
