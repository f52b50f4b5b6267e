-- Who acknowledged an open alert, when (µs), and whether at this gateway; the row goes with the alert.
CREATE TABLE seen (alert TEXT PRIMARY KEY, who TEXT NOT NULL, at INTEGER NOT NULL, here INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX open_alert_first ON open_alert (acknowledged, raised DESC);
