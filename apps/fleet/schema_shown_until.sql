-- When the certificate ends that a device has come with; 0: not known, 1: it was retired. [ddi-23]
ALTER TABLE certificate_shown ADD COLUMN ends_us INTEGER NOT NULL DEFAULT 0;
CREATE INDEX certificate_shown_end ON certificate_shown (ends_us) WHERE ends_us > 0;
CREATE TRIGGER retired_has_shown AFTER INSERT ON retired BEGIN
    UPDATE certificate_shown SET ends_us = 1 WHERE device = NEW.device;
END;
UPDATE certificate_shown SET ends_us = 1 WHERE device IN (SELECT device FROM retired);

-- Which device of a site stands for an image whose files its gateway token asks for. [ddi-22]
CREATE TABLE gateway_token_want (
    site TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    device TEXT NOT NULL,
    PRIMARY KEY (site, sha256)
) WITHOUT ROWID;
