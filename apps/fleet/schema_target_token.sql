-- What a DDI client shows instead of a certificate; hash: SHA-256 of it. [ddi-12]
CREATE TABLE target_token (
    device TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL,
    created_us INTEGER NOT NULL
) WITHOUT ROWID;
