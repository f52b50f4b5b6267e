-- Who may have a certificate, once. A row each time somebody says so; hash: of the token, NULL where the device shows a manufacturer's certificate, whose name idevid is.
-- At most one row of an id is open: not used, not withdrawn. [enrol-2]
CREATE TABLE enrolment_token (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    hash TEXT UNIQUE,
    id TEXT NOT NULL,
    site TEXT NOT NULL,
    idevid TEXT,
    created_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    user TEXT NOT NULL,
    used_us INTEGER,
    withdrawn_us INTEGER,
    serial TEXT,
    last_us INTEGER,
    last_from TEXT,
    last_outcome TEXT
);
CREATE UNIQUE INDEX enrolment_open ON enrolment_token (id) WHERE used_us IS NULL AND withdrawn_us IS NULL;
CREATE UNIQUE INDEX enrolment_idevid ON enrolment_token (idevid) WHERE used_us IS NULL AND withdrawn_us IS NULL AND idevid IS NOT NULL;
CREATE INDEX enrolment_of ON enrolment_token (id, seq);

-- Every certificate that is known of. how: enrolled, renewed, grace, imported (from the PKI's folder).
-- key_hash: SHA-256 of the key (SubjectPublicKeyInfo), '' where it is not known; replaced_us: when a newer one of the same id came.
CREATE TABLE certificate (
    serial TEXT PRIMARY KEY,
    id TEXT NOT NULL,
    role TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    issuer TEXT NOT NULL,
    not_before_us INTEGER NOT NULL,
    not_after_us INTEGER NOT NULL,
    how TEXT NOT NULL,
    issued_us INTEGER NOT NULL,
    revoked INTEGER NOT NULL DEFAULT 0,
    replaced_us INTEGER
) WITHOUT ROWID;
CREATE INDEX certificate_of ON certificate (id COLLATE NOCASE);
CREATE INDEX certificate_key ON certificate (key_hash);
CREATE INDEX certificate_end ON certificate (not_after_us, serial);

-- When somebody added the device, before anybody had heard of it; 0: nobody did. [enrol-3]
ALTER TABLE device ADD COLUMN added_us INTEGER NOT NULL DEFAULT 0;
