-- What operators want to happen with a site's readings, version by version. [rules-1]
CREATE TABLE site_rules (
    site TEXT NOT NULL,
    version INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    user TEXT NOT NULL,
    comment TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (site, version)
);
-- What each gateway said last of the rules it goes by. [rules-7]
CREATE TABLE site_rules_told (
    gateway TEXT PRIMARY KEY,
    told TEXT NOT NULL
) WITHOUT ROWID;
