-- The newest report of `selvedge checklist` that somebody has published, as JSON. [checklist-31]
CREATE TABLE checklist (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    published_us INTEGER NOT NULL,
    by TEXT NOT NULL,
    report TEXT NOT NULL
);
