-- Commands to devices and what became of them: an audit, and what the fleet server is told. state, told: gw_command_state; what is
-- above the state that was told goes up again. 99: nothing of it leaves the site.
CREATE TABLE command (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, device TEXT NOT NULL, name TEXT NOT NULL, payload TEXT NOT NULL,
    rule TEXT NOT NULL, alert TEXT NOT NULL, asker TEXT NOT NULL, -- empty: none
    at INTEGER NOT NULL, until INTEGER NOT NULL, state INTEGER NOT NULL, told INTEGER NOT NULL,
    sent INTEGER, ended INTEGER, why TEXT, answer TEXT);
CREATE INDEX command_untold ON command (seq) WHERE told < state;
