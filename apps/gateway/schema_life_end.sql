-- How each life ended, and on how many of its days (life_said) the model was wrong about it (lives_end.h). day: UTC, on which the next life began.
CREATE TABLE life_end (
    day INTEGER NOT NULL, device TEXT NOT NULL, sha256 TEXT NOT NULL, failed INTEGER NOT NULL, days INTEGER NOT NULL, wrong_days INTEGER NOT NULL,
    wrong INTEGER NOT NULL, PRIMARY KEY (sha256, day, device)) WITHOUT ROWID;
-- Why it was withdrawn.
ALTER TABLE model ADD COLUMN why TEXT NOT NULL DEFAULT '';
