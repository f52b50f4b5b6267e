-- When an operator took an acknowledgement back: one that a site made before and that comes later, or again, does not count.
ALTER TABLE alert ADD COLUMN undone_ms INTEGER;
