-- Ids are lower-case UUIDv7, made in the order of creation: newest first is `ORDER BY id DESC`. The collation "C" makes
-- that the order of bytes on every server.
CREATE TABLE todos (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner TEXT COLLATE "C" NOT NULL,
    title TEXT NOT NULL,
    description TEXT,
    completed BOOLEAN NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

CREATE INDEX todos_by_owner ON todos (owner, id);
