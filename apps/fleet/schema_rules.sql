-- Causes of one type tell themselves apart by their rule.
ALTER TABLE alert ADD COLUMN rule TEXT NOT NULL DEFAULT '';
DROP INDEX alert_single;
CREATE UNIQUE INDEX alert_single ON alert (site, device, sensor, type, rule) WHERE state < 2;
