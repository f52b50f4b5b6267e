-- Who did what about whom, from where, and what became of it. Lines are added and, when they are old, taken away; never changed. [audit-1]
CREATE TABLE event_log (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at_us INTEGER NOT NULL,
    who TEXT NOT NULL,
    "from" TEXT NOT NULL,
    what TEXT NOT NULL,
    about TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX event_log_about ON event_log (about, seq);
CREATE INDEX event_log_what ON event_log (what, seq);
CREATE INDEX event_log_age ON event_log (at_us);
CREATE INDEX event_log_refused ON event_log (seq) WHERE outcome = 'refused';
