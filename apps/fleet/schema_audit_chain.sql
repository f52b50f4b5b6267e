-- Each line is hashed onto the one before it; the signer says how far that has come, and which lines were forgotten. [audit-6] [audit-7] [audit-10]
ALTER TABLE event_log ADD COLUMN "before" TEXT NOT NULL DEFAULT '';
ALTER TABLE event_log ADD COLUMN "after" TEXT NOT NULL DEFAULT '';
ALTER TABLE event_log ADD COLUMN prev BLOB NOT NULL DEFAULT x'';
ALTER TABLE event_log ADD COLUMN hash BLOB NOT NULL DEFAULT x'';
CREATE TABLE event_checkpoint (
    seq INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    at_us INTEGER NOT NULL,
    domain TEXT NOT NULL,
    signature BLOB NOT NULL
);
CREATE TABLE event_pruned (
    "first" INTEGER PRIMARY KEY,
    "last" INTEGER NOT NULL,
    prev BLOB NOT NULL,
    hash BLOB NOT NULL,
    at_us INTEGER NOT NULL,
    domain TEXT NOT NULL,
    signature BLOB NOT NULL
);
