-- Why the server has changed by itself what runs there; empty: a person did.
ALTER TABLE model_place ADD COLUMN why TEXT NOT NULL DEFAULT '';
