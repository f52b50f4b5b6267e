-- Groups that each version of a site's rules names, in the order of the file. [members-4]
CREATE TABLE site_rules_group (
    site TEXT NOT NULL,
    version INTEGER NOT NULL,
    place INTEGER NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (site, version, place)
) WITHOUT ROWID;
-- Which groups a site's gateways were told of last, a name in each line, '-' before one that is not known; and the newest number.
CREATE TABLE site_groups (
    site TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    names TEXT NOT NULL
) WITHOUT ROWID;
-- Who is in them: names with blanks between; none: in no group any more. revision: when that was so first. [members-5]
CREATE TABLE site_member (
    site TEXT NOT NULL,
    device TEXT NOT NULL,
    revision INTEGER NOT NULL,
    names TEXT NOT NULL,
    PRIMARY KEY (site, device)
) WITHOUT ROWID;
CREATE INDEX site_member_revision ON site_member (site, revision);
