-- What was asked of devices, by whom, and what became of it. state: sv_command_state; rule, alert, asker: empty, none.
CREATE TABLE command (
    id TEXT PRIMARY KEY,
    device TEXT NOT NULL,
    site TEXT NOT NULL,
    name TEXT NOT NULL,
    payload TEXT NOT NULL,
    rule TEXT NOT NULL,
    alert TEXT NOT NULL,
    asker TEXT NOT NULL,
    state INTEGER NOT NULL,
    asked_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    sent_ms INTEGER,
    ended_ms INTEGER,
    why TEXT,
    answer TEXT
) WITHOUT ROWID;
CREATE INDEX command_newest ON command (device, asked_ms, id);
CREATE INDEX command_oldest ON command (asked_ms);
