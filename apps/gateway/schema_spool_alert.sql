-- How many of them the gateway's own alert had said when it was last over (spool_alert.h).
ALTER TABLE outbox_dropped ADD COLUMN told INTEGER NOT NULL DEFAULT 0;
