-- Alerts that local subscribers have not been told, or whose broker has not acknowledged them.
CREATE TABLE alert_local (id INTEGER PRIMARY KEY, device TEXT NOT NULL, body TEXT NOT NULL);
