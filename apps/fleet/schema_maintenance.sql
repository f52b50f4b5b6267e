-- Who works on what and until when; device '': all of the site. A row each time somebody says so, ended_ms once it is over, ended_user when somebody ended it. [maintenance-1]
CREATE TABLE maintenance (
    id INTEGER PRIMARY KEY,
    site TEXT NOT NULL,
    device TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    user TEXT NOT NULL,
    why TEXT NOT NULL,
    ended_ms INTEGER,
    ended_user TEXT
);
CREATE UNIQUE INDEX maintenance_open ON maintenance (site, device) WHERE ended_ms IS NULL;
CREATE INDEX maintenance_of ON maintenance (site, device, id);
