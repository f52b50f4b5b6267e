-- What DDI clients of a site show when they have nothing of their own; hash: SHA-256 of it. [ddi-21]
CREATE TABLE gateway_token (
    site TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL,
    created_us INTEGER NOT NULL
) WITHOUT ROWID;
-- Who is to install these bytes. [ddi-22]
CREATE INDEX action_wants ON action (sha256) WHERE state < 6;
