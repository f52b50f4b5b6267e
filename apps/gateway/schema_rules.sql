-- Causes of one type tell themselves apart by their rule. raised and sent by the wall clock and the reading's;
-- acknowledged: somebody at the fleet server, or here, has seen it; stays: none of it leaves the site.
CREATE TABLE open_alert (
    device TEXT NOT NULL, sensor TEXT NOT NULL, type INTEGER NOT NULL, rule TEXT NOT NULL, id TEXT NOT NULL,
    raised INTEGER NOT NULL, sent INTEGER NOT NULL, severity INTEGER NOT NULL, message TEXT NOT NULL, value REAL,
    acknowledged INTEGER NOT NULL DEFAULT 0, stays INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (device, sensor, type, rule)) WITHOUT ROWID;
INSERT INTO open_alert SELECT device, sensor, type, '', id, sent, sent, severity, message, value, 0, 0 FROM alert;
DROP TABLE alert;
