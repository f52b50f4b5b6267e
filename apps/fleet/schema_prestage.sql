-- Images that devices have before their window opens. staged: sv_campaign_staged, NULL where nobody asked for it or the device has begun; ready: devices of the campaign whose bytes are whole.
ALTER TABLE campaign ADD COLUMN prestage INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaign ADD COLUMN ready INTEGER NOT NULL DEFAULT 0;
ALTER TABLE campaign_device ADD COLUMN staged INTEGER;
CREATE INDEX campaign_staged ON campaign_device (campaign, staged, wave, site, device) WHERE staged IS NOT NULL;
