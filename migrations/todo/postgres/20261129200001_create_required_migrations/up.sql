-- Migrations that a release must know to be allowed to serve this database. A migration that breaks older releases
-- inserts its own version here; see docs/database.md.
CREATE TABLE required_migrations (
    version TEXT COLLATE "C" NOT NULL PRIMARY KEY
);
