-- Who may begin is found by time zone and site, however many wait. by_zone: the window's hours are each device's own; zone: its time zone then, '' is UTC, or that of the plan.
ALTER TABLE campaign ADD COLUMN by_zone INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaign_device ADD COLUMN zone TEXT NOT NULL DEFAULT '';
UPDATE campaign SET by_zone = 1 WHERE json_extract(plan, '$.window') IS NOT NULL AND json_extract(plan, '$.window.zone') IS NULL;
UPDATE campaign_device SET zone = coalesce((SELECT timezone FROM running WHERE running.device = campaign_device.device), '') WHERE campaign IN (SELECT id FROM campaign WHERE by_zone = 1);
DROP INDEX campaign_ready;
CREATE INDEX campaign_ready ON campaign_device (campaign, wave, zone, site, device) WHERE place = 0 AND hold_ms = 0;
CREATE INDEX campaign_loading ON campaign_device (campaign, site) WHERE place IN (1, 2) OR staged = 1;
