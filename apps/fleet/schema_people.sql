-- People, how they come in, and what they are in with. Secrets are kept as SHA-256 only, passwords as scrypt. [people-1]
-- role: 0 viewer, 1 operator, 2 release, 3 admin. sites: NULL is all, else a JSON array of names.
CREATE TABLE user (
    name TEXT PRIMARY KEY,
    role INTEGER NOT NULL,
    sites TEXT,
    password TEXT,
    password_us INTEGER,
    totp_secret BLOB,
    totp_new BLOB,
    totp_last_step INTEGER NOT NULL DEFAULT 0,
    disabled INTEGER NOT NULL DEFAULT 0,
    created_us INTEGER NOT NULL,
    created_by TEXT NOT NULL
) WITHOUT ROWID;

-- kind 0: the first admin of all; 1: invited; 2: recovers (what the user had to show is forgotten); 3: opens a session of who asked for it.
-- told: the event log has a line of it; one that was made on the console gets its line from the server.
CREATE TABLE user_link (
    hash TEXT PRIMARY KEY,
    user TEXT NOT NULL,
    kind INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    made_by TEXT NOT NULL,
    told INTEGER NOT NULL DEFAULT 1
) WITHOUT ROWID;
CREATE INDEX user_link_of ON user_link (user);

-- Who had a session or a link of before has a name from now on; both go on working.
INSERT INTO user (name, role, created_us, created_by)
    SELECT user, max(role), 0, 'fleet' FROM (SELECT user, role FROM session UNION ALL SELECT user, role FROM login_link) GROUP BY user;
INSERT INTO user_link (hash, user, kind, expires_us, made_by) SELECT hash, user, 3, expires_us, user FROM login_link;
DROP TABLE login_link;

-- n: what a list shows it by. how: 'password' or 'link'.
ALTER TABLE session RENAME TO session_before;
CREATE TABLE session (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    hash TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL,
    how TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    used_us INTEGER NOT NULL,
    "from" TEXT NOT NULL,
    agent TEXT NOT NULL
);
CREATE INDEX session_of ON session (user, used_us);
INSERT INTO session (hash, user, how, created_us, used_us, "from", agent) SELECT hash, user, 'link', created_us, used_us, '', '' FROM session_before;
DROP TABLE session_before;

-- scopes: bits, see person.h. expires_us NULL: never, as the one of admin_token_file, which is of the server itself.
ALTER TABLE api_token RENAME TO api_token_before;
CREATE TABLE api_token (
    name TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL,
    role INTEGER NOT NULL,
    sites TEXT,
    scopes INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    expires_us INTEGER,
    used_us INTEGER,
    used_from TEXT
) WITHOUT ROWID;
CREATE INDEX api_token_of ON api_token (user);
INSERT INTO api_token (name, hash, user, role, scopes, created_us) SELECT 'admin-token-file', hash, user, role, 63, 0 FROM api_token_before;
DROP TABLE api_token_before;
