-- What the fleet server said of the site's rules. kind 0: those in force, 1: those to be fetched, 2: those refused last, and why.
CREATE TABLE site_rules (kind INTEGER PRIMARY KEY, version INTEGER NOT NULL, at INTEGER NOT NULL, sha256 TEXT NOT NULL, body TEXT NOT NULL);
