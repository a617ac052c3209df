-- As before, for the largest table, alone: it is locked while one index is made anew.
ALTER TABLE audit_events ALTER COLUMN id TYPE TEXT COLLATE "C";
