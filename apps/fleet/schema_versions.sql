-- How many devices run what, counted as it changes: by site, and of all of them with site ''. boot: 0 it does not say, 1 confirmed, 2 trial, 3 anything else. A device counts when it has a site, has said what it runs, and is not retired. [running-6]
CREATE TABLE version_count (
    site TEXT NOT NULL,
    product TEXT NOT NULL,
    version TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    counter INTEGER NOT NULL,
    boot INTEGER NOT NULL,
    devices INTEGER NOT NULL,
    PRIMARY KEY (site, product, version, sha256, counter, boot)
) WITHOUT ROWID;
CREATE TABLE retired (device TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE INDEX standing_of ON standing (id, version);
DROP INDEX running_version;
CREATE INDEX running_trial ON running (product, version, sha256, at_us) WHERE boot = 'trial';

-- Who counts, and as what.
CREATE VIEW counted AS
    SELECT d.site, r.device, r.product, r.version, r.sha256, r.counter,
        CASE r.boot WHEN '' THEN 0 WHEN 'confirmed' THEN 1 WHEN 'trial' THEN 2 ELSE 3 END AS boot
    FROM running r JOIN device d ON d.id = r.device
    WHERE r.at_us > 0 AND NOT EXISTS (SELECT 1 FROM retired WHERE device = r.device);

-- What is inserted here is added to the counters: n is 1 or -1; a row without a site is of nobody.
CREATE VIEW version_change AS SELECT 0 AS n, '' AS device, '' AS site, '' AS product, '' AS version, '' AS sha256, 0 AS counter, '' AS boot, 0 AS at_us WHERE 0;
CREATE TRIGGER version_counted INSTEAD OF INSERT ON version_change
WHEN NEW.at_us > 0 AND NEW.site IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM retired WHERE device = NEW.device)
BEGIN
    INSERT INTO version_count (site, product, version, sha256, counter, boot, devices)
    SELECT s.site, NEW.product, NEW.version, NEW.sha256, NEW.counter,
        CASE NEW.boot WHEN '' THEN 0 WHEN 'confirmed' THEN 1 WHEN 'trial' THEN 2 ELSE 3 END, NEW.n
    FROM (SELECT '' AS site UNION ALL SELECT NEW.site) s WHERE 1
    ON CONFLICT (site, product, version, sha256, counter, boot)
    DO UPDATE SET devices = devices + excluded.devices;
    DELETE FROM version_count WHERE NEW.n < 0 AND devices = 0 AND site IN ('', NEW.site)
        AND product = NEW.product AND version = NEW.version AND sha256 = NEW.sha256
        AND counter = NEW.counter;
END;

CREATE TRIGGER running_begins AFTER INSERT ON running WHEN NEW.at_us > 0 BEGIN
    INSERT INTO version_change VALUES (1, NEW.device, (SELECT site FROM device WHERE id = NEW.device),
        NEW.product, NEW.version, NEW.sha256, NEW.counter, NEW.boot, NEW.at_us);
END;
CREATE TRIGGER running_changes
AFTER UPDATE OF device, product, version, sha256, counter, boot, at_us ON running
WHEN (OLD.device, OLD.product, OLD.version, OLD.sha256, OLD.counter, OLD.boot, OLD.at_us > 0)
    <> (NEW.device, NEW.product, NEW.version, NEW.sha256, NEW.counter, NEW.boot, NEW.at_us > 0)
BEGIN
    INSERT INTO version_change VALUES (-1, OLD.device, (SELECT site FROM device WHERE id = OLD.device),
        OLD.product, OLD.version, OLD.sha256, OLD.counter, OLD.boot, OLD.at_us);
    INSERT INTO version_change VALUES (1, NEW.device, (SELECT site FROM device WHERE id = NEW.device),
        NEW.product, NEW.version, NEW.sha256, NEW.counter, NEW.boot, NEW.at_us);
END;
CREATE TRIGGER running_ends AFTER DELETE ON running WHEN OLD.at_us > 0 BEGIN
    INSERT INTO version_change VALUES (-1, OLD.device, (SELECT site FROM device WHERE id = OLD.device),
        OLD.product, OLD.version, OLD.sha256, OLD.counter, OLD.boot, OLD.at_us);
END;

-- Who is retired: the last row of an id holds.
CREATE TRIGGER standing_retires AFTER INSERT ON standing WHEN NEW.state = 3 BEGIN
    INSERT INTO retired SELECT NEW.id WHERE NOT EXISTS (SELECT 1 FROM retired WHERE device = NEW.id);
END;
CREATE TRIGGER standing_returns AFTER INSERT ON standing WHEN NEW.state <> 3 BEGIN
    DELETE FROM retired WHERE device = NEW.id;
END;
CREATE TRIGGER standing_is_taken_back AFTER DELETE ON standing BEGIN
    DELETE FROM retired WHERE device = OLD.id
        AND 3 IS NOT (SELECT state FROM standing WHERE id = OLD.id ORDER BY version DESC LIMIT 1);
    INSERT INTO retired SELECT OLD.id
        WHERE 3 IS (SELECT state FROM standing WHERE id = OLD.id ORDER BY version DESC LIMIT 1)
        AND NOT EXISTS (SELECT 1 FROM retired WHERE device = OLD.id);
END;
CREATE TRIGGER retired_is_not_counted BEFORE INSERT ON retired BEGIN
    INSERT INTO version_change SELECT -1, r.device, d.site, product, version, sha256, counter, boot, at_us
        FROM running r JOIN device d ON d.id = r.device WHERE r.device = NEW.device;
END;
CREATE TRIGGER retired_is_counted_again AFTER DELETE ON retired BEGIN
    INSERT INTO version_change SELECT 1, r.device, d.site, product, version, sha256, counter, boot, at_us
        FROM running r JOIN device d ON d.id = r.device WHERE r.device = OLD.device;
END;

-- With which images devices came to grief: whose last try of it, one that was canceled aside, failed or was gone back from; and how many these are. [running-3]
CREATE TABLE went_wrong (
    device TEXT NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (device, path)
) WITHOUT ROWID;
CREATE TABLE went_wrong_count (
    path TEXT NOT NULL,
    site TEXT NOT NULL,
    devices INTEGER NOT NULL,
    PRIMARY KEY (path, site)
) WITHOUT ROWID;
DROP INDEX action_wrong;
CREATE VIEW wrong_change AS SELECT 0 AS n, '' AS path, '' AS site WHERE 0;
CREATE TRIGGER wrong_counted INSTEAD OF INSERT ON wrong_change WHEN NEW.site IS NOT NULL BEGIN
    INSERT INTO went_wrong_count (path, site, devices)
    SELECT NEW.path, s.site, NEW.n FROM (SELECT '' AS site UNION ALL SELECT NEW.site) s WHERE 1
    ON CONFLICT (path, site) DO UPDATE SET devices = devices + excluded.devices;
    DELETE FROM went_wrong_count
        WHERE NEW.n < 0 AND path = NEW.path AND site IN ('', NEW.site) AND devices = 0;
END;
CREATE TRIGGER wrong_begins AFTER INSERT ON went_wrong BEGIN
    INSERT INTO wrong_change VALUES (1, NEW.path, (SELECT site FROM device WHERE id = NEW.device));
END;
CREATE TRIGGER wrong_ends AFTER DELETE ON went_wrong BEGIN
    INSERT INTO wrong_change VALUES (-1, OLD.path, (SELECT site FROM device WHERE id = OLD.device));
END;
CREATE VIEW tried AS SELECT '' AS device, '' AS path WHERE 0;
CREATE TRIGGER tried_is_judged INSTEAD OF INSERT ON tried BEGIN
    DELETE FROM went_wrong WHERE device = NEW.device AND path = NEW.path;
    INSERT INTO went_wrong SELECT NEW.device, NEW.path WHERE (SELECT state FROM action
        WHERE device = NEW.device AND path = NEW.path AND state <> 9 ORDER BY id DESC LIMIT 1) IN (7, 8);
END;
CREATE TRIGGER action_begins AFTER INSERT ON action BEGIN
    INSERT INTO tried VALUES (NEW.device, NEW.path);
END;
CREATE TRIGGER action_ends AFTER UPDATE OF state ON action
WHEN OLD.state <> NEW.state AND (OLD.state > 6 OR NEW.state > 6) BEGIN
    INSERT INTO tried VALUES (NEW.device, NEW.path);
END;
CREATE TRIGGER action_goes AFTER DELETE ON action BEGIN
    INSERT INTO tried VALUES (OLD.device, OLD.path);
END;

-- A device that gets a site, changes it, or goes.
CREATE TRIGGER device_begins AFTER INSERT ON device BEGIN
    INSERT INTO version_change SELECT 1, device, NEW.site, product, version, sha256, counter, boot, at_us
        FROM running WHERE device = NEW.id;
    INSERT INTO wrong_change SELECT 1, path, NEW.site FROM went_wrong WHERE device = NEW.id;
END;
CREATE TRIGGER device_moves AFTER UPDATE OF site ON device WHEN OLD.site <> NEW.site BEGIN
    INSERT INTO version_change SELECT -1, device, OLD.site, product, version, sha256, counter, boot, at_us
        FROM running WHERE device = NEW.id;
    INSERT INTO version_change SELECT 1, device, NEW.site, product, version, sha256, counter, boot, at_us
        FROM running WHERE device = NEW.id;
    INSERT INTO wrong_change SELECT -1, path, OLD.site FROM went_wrong WHERE device = NEW.id;
    INSERT INTO wrong_change SELECT 1, path, NEW.site FROM went_wrong WHERE device = NEW.id;
END;
CREATE TRIGGER device_goes AFTER DELETE ON device BEGIN
    INSERT INTO version_change SELECT -1, device, OLD.site, product, version, sha256, counter, boot, at_us
        FROM running WHERE device = OLD.id;
    INSERT INTO wrong_change SELECT -1, path, OLD.site FROM went_wrong WHERE device = OLD.id;
END;

-- What there is already.
INSERT INTO retired SELECT DISTINCT id FROM standing s
    WHERE state = 3 AND NOT EXISTS (SELECT 1 FROM standing WHERE id = s.id AND version > s.version);
DELETE FROM version_count;
INSERT INTO version_count
    SELECT site, product, version, sha256, counter, boot, count(*) FROM counted GROUP BY 1, 2, 3, 4, 5, 6
    UNION ALL
    SELECT '', product, version, sha256, counter, boot, count(*) FROM counted GROUP BY 2, 3, 4, 5, 6;
INSERT INTO tried SELECT DISTINCT device, path FROM action WHERE state IN (7, 8);
