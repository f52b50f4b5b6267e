-- What happened to an alert, in order; `updated` in a row is one line that counts. [notify-1]
-- fresh 1: nobody has looked yet whom to tell.
CREATE TABLE alert_event (
    seq INTEGER PRIMARY KEY,
    alert TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    event TEXT NOT NULL,
    severity TEXT NOT NULL,
    message TEXT NOT NULL,
    who TEXT,
    count INTEGER NOT NULL DEFAULT 1,
    fresh INTEGER NOT NULL
);
CREATE INDEX alert_event_of ON alert_event (alert, seq);
CREATE INDEX alert_event_fresh ON alert_event (seq) WHERE fresh = 1;

-- One message to one channel. state 0: it gathers alerts of one cause; 1: it is to be sent, and says what it says; 2: sent; 3: given up.
CREATE TABLE notice (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    route TEXT NOT NULL,
    kind INTEGER NOT NULL,
    site TEXT NOT NULL,
    type TEXT NOT NULL,
    sensor TEXT NOT NULL,
    severity INTEGER NOT NULL,
    state INTEGER NOT NULL,
    count INTEGER NOT NULL DEFAULT 0,
    made_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    done_ms INTEGER,
    tries INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    title TEXT NOT NULL DEFAULT '',
    body TEXT NOT NULL DEFAULT '',
    facts TEXT NOT NULL DEFAULT ''
);
CREATE INDEX notice_waiting ON notice (state, due_ms) WHERE state < 2;
CREATE INDEX notice_cause ON notice (channel, site, type, sensor, kind) WHERE state < 2;
CREATE INDEX notice_done ON notice (channel, done_ms) WHERE state >= 2;

-- Whom an alert's event was told to, once. [notify-1] tell_end 1: its end is told as well.
CREATE TABLE notice_alert (
    alert TEXT NOT NULL,
    channel TEXT NOT NULL,
    event TEXT NOT NULL,
    notice INTEGER NOT NULL,
    tell_end INTEGER NOT NULL,
    PRIMARY KEY (alert, channel, event)
) WITHOUT ROWID;
CREATE INDEX notice_alert_of ON notice_alert (notice);

-- What happens by itself while an alert is open and nobody has acknowledged it. what 0: told again; 1: told to others.
CREATE TABLE alert_watch (
    alert TEXT NOT NULL,
    route TEXT NOT NULL,
    what INTEGER NOT NULL,
    round INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    PRIMARY KEY (alert, route, what)
) WITHOUT ROWID;
CREATE INDEX alert_watch_due ON alert_watch (due_ms);
