-- What each gateway has on disk of each epoch of a device. [uplink-5]
-- count: how many numbers are in; book: what else it knows, as a line (model/ledger.h).
CREATE TABLE ledger (
    device TEXT NOT NULL,
    epoch TEXT NOT NULL,
    gateway TEXT NOT NULL,
    numbers TEXT NOT NULL,
    count INTEGER NOT NULL,
    book TEXT NOT NULL,
    first_us INTEGER NOT NULL,
    told_us INTEGER NOT NULL,
    PRIMARY KEY (device, epoch, gateway)
) WITHOUT ROWID;
