-- One row: a root that comes begins the next epoch, and what was made in one before it was signed by a key that is out. [director-8] [director-9]
CREATE TABLE director_epoch (epoch INTEGER NOT NULL);
INSERT INTO director_epoch VALUES (0);
ALTER TABLE director ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
