-- Ids are lower-case UUIDv7, made in the order of creation: newest first is `ORDER BY id DESC`.
CREATE TABLE todos (
    id TEXT NOT NULL PRIMARY KEY,
    owner TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT,
    completed BOOLEAN NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

CREATE INDEX todos_by_owner ON todos (owner, id);
