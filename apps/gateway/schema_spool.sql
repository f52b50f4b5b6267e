-- When an item began to wait, in seconds; 0: before this was kept.
ALTER TABLE outbox ADD COLUMN put INTEGER NOT NULL DEFAULT 0;
-- What had to go before the fleet server had it, by kind and reason (outbox.h).
CREATE TABLE outbox_dropped (kind INTEGER NOT NULL, reason INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (kind, reason)) WITHOUT ROWID;
