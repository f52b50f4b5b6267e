-- Devices that have come with a certificate, whoever issued it. [ddi-22]
CREATE TABLE certificate_shown (
    device TEXT PRIMARY KEY
) WITHOUT ROWID;
