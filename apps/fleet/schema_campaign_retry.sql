-- All that came to grief are to try again, a slice after the other, and then it goes on. [campaign-14]
ALTER TABLE campaign ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;
