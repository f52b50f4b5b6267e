-- Images that can be rolled out (docs/spec/images.md). What is signed is read from the set of metadata that is served; a set takes the place of the one before as a whole.
-- kind: 'selvedge', of the signed metadata; 'file', somebody else's. hardware: names, one to a line. entry: what the target entry says; signed_by: [{"keyid","role"}].
CREATE TABLE image (
    path TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    product TEXT NOT NULL,
    version TEXT NOT NULL,
    hardware TEXT NOT NULL,
    counter INTEGER NOT NULL DEFAULT 0,
    slot TEXT NOT NULL DEFAULT '',
    length INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    sha1 TEXT NOT NULL DEFAULT '',
    md5 TEXT NOT NULL DEFAULT '',
    file TEXT NOT NULL DEFAULT '',
    sealed INTEGER NOT NULL DEFAULT 0,
    complete INTEGER NOT NULL DEFAULT 0,
    at_us INTEGER NOT NULL,
    entry TEXT NOT NULL DEFAULT '',
    signed_by TEXT NOT NULL DEFAULT '[]'
) WITHOUT ROWID;
CREATE INDEX image_of ON image (sha256);

-- Which set of metadata is served (0: none), who published it, and by whom it is vouched for, as JSON.
CREATE TABLE image_set (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    by TEXT NOT NULL,
    trust TEXT
);
INSERT INTO image_set (one, number, at_us, by) VALUES (1, 0, 0, '');

-- Content keys of sealed images, sealed with the key that lies beside the database: nonce, key, tag.
CREATE TABLE image_key (
    sha256 TEXT PRIMARY KEY,
    sealed BLOB NOT NULL,
    at_us INTEGER NOT NULL
) WITHOUT ROWID;

-- What the director says to a device (docs/spec/director.md), and what it said before: a device that is at it reads to the end what it began. path '': nothing is assigned.
CREATE TABLE director (
    device TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    made_us INTEGER NOT NULL,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    fresh INTEGER NOT NULL,
    timestamp TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    targets TEXT NOT NULL,
    before_version INTEGER NOT NULL DEFAULT 0,
    before_snapshot TEXT NOT NULL DEFAULT '',
    before_targets TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
