-- The director's roots, from the first on: each is signed by the key of the one before. [director-9]
CREATE TABLE director_root (
    version INTEGER PRIMARY KEY,
    root TEXT NOT NULL
);
