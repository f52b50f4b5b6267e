-- What each device is to install and what became of it. state: sv_action_state; class: sv_action_class; success_us: when the device said success; due_us: when time says something about it.
-- stop_us: canceled, since when the device has not said it knows; 0: it was told, or is not told any more; -1: it has said that it goes on; stop_told: how often it was; campaign NULL: somebody asked for this device alone. At most one row of a device is open (state below 6). [action-1]
CREATE TABLE action (
    id INTEGER PRIMARY KEY,
    device TEXT NOT NULL,
    path TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    campaign INTEGER,
    state INTEGER NOT NULL,
    class INTEGER NOT NULL DEFAULT 0,
    success_us INTEGER NOT NULL DEFAULT 0,
    due_us INTEGER,
    stop_us INTEGER,
    stop_told INTEGER NOT NULL DEFAULT 0,
    why TEXT NOT NULL DEFAULT '',
    attempt INTEGER NOT NULL,
    forced INTEGER NOT NULL,
    asks INTEGER NOT NULL DEFAULT 0,
    user TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    bytes INTEGER NOT NULL DEFAULT 0,
    "of" INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX action_open ON action (device) WHERE state < 6;
CREATE INDEX action_of ON action (device, id);
CREATE INDEX action_campaign ON action (campaign, id) WHERE campaign IS NOT NULL;
CREATE INDEX action_due ON action (due_us) WHERE due_us IS NOT NULL;
CREATE INDEX action_stop ON action (device, stop_us) WHERE stop_us > 0;
-- Its log, in order.
CREATE TABLE action_line (
    action INTEGER NOT NULL,
    n INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (action, n)
) WITHOUT ROWID;
-- What each device said last that it runs; '' and 0: unknown. auto 1: it says yes to whatever it is asked. asked 1: it is to tell anew. [running-1]
CREATE TABLE running (
    device TEXT PRIMARY KEY,
    product TEXT NOT NULL DEFAULT '',
    version TEXT NOT NULL DEFAULT '',
    sha256 TEXT NOT NULL DEFAULT '',
    hardware TEXT NOT NULL DEFAULT '',
    slot TEXT NOT NULL DEFAULT '',
    timezone TEXT NOT NULL DEFAULT '',
    boot TEXT NOT NULL DEFAULT '',
    client TEXT NOT NULL DEFAULT '',
    counter INTEGER NOT NULL DEFAULT 0,
    at_us INTEGER NOT NULL DEFAULT 0,
    auto INTEGER NOT NULL DEFAULT 0,
    asked INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE INDEX running_version ON running (product, version, sha256);
