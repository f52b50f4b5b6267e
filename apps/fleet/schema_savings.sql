-- What a roll-out cost the line: bytes of the images that devices came to have by what they fetched, what they fetched for it, and what this server sent. campaign 0: what was asked for device by device. [campaign-40] [campaign-41]
CREATE TABLE saving (
    campaign INTEGER PRIMARY KEY,
    image INTEGER NOT NULL,
    fetched INTEGER NOT NULL,
    sent INTEGER NOT NULL
);
-- encoding: the one that the device takes; fetched: what counts of what it has told; fetched_told: the last it told.
ALTER TABLE action ADD COLUMN encoding TEXT NOT NULL DEFAULT '';
ALTER TABLE action ADD COLUMN fetched INTEGER NOT NULL DEFAULT 0;
ALTER TABLE action ADD COLUMN fetched_told INTEGER NOT NULL DEFAULT 0;
