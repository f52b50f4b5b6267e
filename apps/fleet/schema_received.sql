-- The committed numbers of each sender and epoch, as ranges: what was sent live overtakes what waited. [uplink-1]
CREATE TABLE received (
    gateway TEXT NOT NULL,
    epoch TEXT NOT NULL,
    numbers TEXT NOT NULL,
    used_us INTEGER NOT NULL,
    PRIMARY KEY (gateway, epoch)
) WITHOUT ROWID;
INSERT INTO received
    SELECT gateway, epoch, CASE seq WHEN 1 THEN '1' ELSE '1-' || seq END, used_us FROM watermark WHERE seq > 0;
DROP TABLE watermark;
