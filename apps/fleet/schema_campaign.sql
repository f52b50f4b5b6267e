-- Groups: a query, or with query NULL a list. [campaign-5]
CREATE TABLE device_group (
    name TEXT PRIMARY KEY,
    query TEXT,
    at_ms INTEGER NOT NULL,
    user TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE device_group_member (
    name TEXT NOT NULL,
    device TEXT NOT NULL,
    PRIMARY KEY (name, device)
) WITHOUT ROWID;
CREATE TABLE device_tag (
    device TEXT NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (device, tag)
) WITHOUT ROWID;

-- Campaigns. plan: what was asked for, JSON; sites: of whom it was started, '' of all. state: sv_campaign_state; after: up to which device it has gathered, NULL when it has all; closing: sv_campaign_closing.
CREATE TABLE campaign (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    image TEXT NOT NULL,
    product TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    plan TEXT NOT NULL,
    sites TEXT NOT NULL,
    priority INTEGER NOT NULL,
    state INTEGER NOT NULL,
    why TEXT NOT NULL DEFAULT '',
    open INTEGER NOT NULL DEFAULT 0,
    approved INTEGER NOT NULL DEFAULT 0,
    after TEXT,
    closing INTEGER NOT NULL DEFAULT 0,
    user TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    start_ms INTEGER NOT NULL DEFAULT 0,
    started_ms INTEGER,
    ended_ms INTEGER
);
CREATE INDEX campaign_open ON campaign (id) WHERE state < 4 OR closing > 0;
-- Who said yes. [campaign-17]
CREATE TABLE campaign_approval (
    campaign INTEGER NOT NULL,
    user TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (campaign, user)
) WITHOUT ROWID;
-- counts: how many devices are at each place (sv_stage), forgiven: bad ones that were seen; numbers, one after the other. places: how many are still free while it gathers.
CREATE TABLE campaign_wave (
    campaign INTEGER NOT NULL,
    number INTEGER NOT NULL,
    places INTEGER NOT NULL,
    accepted INTEGER NOT NULL DEFAULT 0,
    counts TEXT NOT NULL,
    forgiven TEXT NOT NULL,
    PRIMARY KEY (campaign, number)
) WITHOUT ROWID;
-- place: sv_stage; hold_ms: planned, and not before then; health: at its beginning; watch_ms: confirmed, and then its health is looked at.
CREATE TABLE campaign_device (
    campaign INTEGER NOT NULL,
    device TEXT NOT NULL,
    site TEXT NOT NULL,
    wave INTEGER NOT NULL,
    place INTEGER NOT NULL DEFAULT 0,
    action INTEGER,
    attempt INTEGER NOT NULL DEFAULT 0,
    hold_ms INTEGER NOT NULL DEFAULT 0,
    health INTEGER NOT NULL DEFAULT 0,
    watch_ms INTEGER,
    why TEXT NOT NULL DEFAULT '',
    updated_ms INTEGER NOT NULL,
    PRIMARY KEY (campaign, device)
) WITHOUT ROWID;
CREATE INDEX campaign_ready ON campaign_device (campaign, wave, site, device) WHERE place = 0 AND hold_ms = 0;
CREATE INDEX campaign_held ON campaign_device (campaign, hold_ms) WHERE place = 0 AND hold_ms > 0;
CREATE INDEX campaign_at ON campaign_device (campaign, place, device);
CREATE INDEX campaign_watch ON campaign_device (watch_ms) WHERE watch_ms IS NOT NULL;
