-- Hashes of rows of standing that gave their place to decisions that were taken back and stand behind them since: who has followed them holds nothing that is missing here. [standing-13]
CREATE TABLE standing_cut (hash BLOB PRIMARY KEY) WITHOUT ROWID;
